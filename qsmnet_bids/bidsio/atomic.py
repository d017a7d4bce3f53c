"""Files that are either whole or not there: written under a temporary name, then renamed.

Who writes holds a lock on the temporary file; one without a lock is what a killed process left.
"""

import fcntl
import json
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears only when it is complete; its folders are made.

    Parameters
    ----------
    path
        Of the file; what it held before stays until the new content is on the disk.
    data
        Its content.
    """
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears, with all that was written to it, when the block ends well.

    Parameters
    ----------
    path
        Of the file; its folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # BIDS tools skip names that begin with a dot
    temporary = path.with_name(f'.{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp')
    try:
        with _open_locked(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        # that of a full disk names no file
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _open_locked(path: Path) -> BinaryIO:
    while True:
        file = path.open('xb')
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # taken for a leftover before it was locked


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove temporary files whose writer is gone.

    Parameters
    ----------
    paths
        Any; those that a living process writes to stay, on this machine or, where the file
        system has such locks, another.
    """
    for path in paths:
        with suppress(OSError), path.open('rb+') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text.

    Parameters
    ----------
    path
        Of the file.
    text
        Its content.
    """
    write_bytes(path, text.encode())


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object; numbers that are not finite become null, since JSON has no others.

    Parameters
    ----------
    path
        Of the file.
    content
        Of JSON's types, numpy's scalars and arrays, paths and tuples.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + '\n')


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
