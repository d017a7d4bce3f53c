"""The process from which workers are forked, with torch and the stages loaded. Imports little."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver

PRELOAD = 'qsmnet_bids.workflows.preload'

ALLOCATION = {'MALLOC_MMAP_THRESHOLD_': str(2**32), 'MALLOC_TRIM_THRESHOLD_': str(2**34)}
"""For glibc: memory that a worker has freed serves its next volume. By default each volume is new
memory from the system, which clears it page by page: a seventh of a worker's time."""


def start_server() -> None:
    """Start the server, if none runs yet; do not wait for it."""
    forkserver.set_forkserver_preload([PRELOAD])
    # The server would not find modules that lie beside the script which the user started.
    path = os.pathsep.join(path for path in sys.path if path)
    # Nor must it take modules from the folder that the user happens to be in.
    with _environment({**ALLOCATION, **os.environ, 'PYTHONPATH': path, 'PYTHONSAFEPATH': '1'}):
        forkserver.ensure_running()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
