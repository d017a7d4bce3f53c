"""Files that are whole or not there, whatever kills the process."""

import os
from collections.abc import Callable
from pathlib import Path


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside the old one, and put it in its place once it is on the disk.

    Parameters
    ----------
    path
        File to replace or make.
    write
        Writes the path that it is given.
    """
    # another run may replace the same file at this moment
    temporary = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    write(temporary)
    with temporary.open('rb') as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def replace_bytes(path: Path, data: bytes) -> None:
    """Write bytes.

    Parameters
    ----------
    path
        File to replace or make.
    data
        Its content.
    """
    replace(path, lambda temporary: temporary.write_bytes(data))


def replace_text(path: Path, text: str) -> None:
    """Write text.

    Parameters
    ----------
    path
        File to replace or make.
    text
        Its content.
    """
    replace(path, lambda temporary: temporary.write_text(text))
