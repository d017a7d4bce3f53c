"""Memory that is not handed back between the steps of an iteration.

glibc maps each block of more than 32 MiB anew and returns it as soon as it is free. A volume of a
head at 1 mm is such a block, and an iteration makes dozens in each step: half of its time went
into pages that the kernel cleared and took back. W. Gloger and others, mallopt(3).
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Parameters of ``mallopt``."""
NEVER = -1
USUAL_MAPS = 65536
USUAL_MAPPED, USUAL_TRIM = 32 * 2**20, 64 * 2**20
"""glibc's own most, and its thresholds once a block of 32 MiB has been freed: it no longer moves
them by itself when one was set."""

_LOCK = threading.Lock()
_depth = 0


@contextmanager
def kept_blocks() -> Iterator[None]:
    """Keep freed blocks for the next ones until the outermost such context ends.

    Then what is free goes back. It does nothing where the C library is not glibc, or where the
    environment has ``MALLOC_MMAP_MAX_`` and so has chosen. It decorates functions, too.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _change(libc, 1)
    try:
        yield
    finally:
        _change(libc, -1)


def _glibc() -> ctypes.CDLL | None:
    if os.name != 'posix' or 'MALLOC_MMAP_MAX_' in os.environ:
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, 'mallopt') and hasattr(libc, 'malloc_trim') else None


def _change(libc: ctypes.CDLL, by: int) -> None:
    global _depth  # noqa: PLW0603 - the heap is the process's
    with _LOCK:
        _depth += by
        if by > 0 and _depth == 1:
            libc.mallopt(MMAP_MAX, 0)
            libc.mallopt(TRIM_THRESHOLD, NEVER)
        elif not _depth:
            libc.mallopt(MMAP_MAX, USUAL_MAPS)
            libc.mallopt(MMAP_THRESHOLD, USUAL_MAPPED)
            libc.mallopt(TRIM_THRESHOLD, USUAL_TRIM)
            libc.malloc_trim(0)
