"""The process from which workers are forked, with torch and the stages loaded. Imports little."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

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
    environment = {**ALLOCATION, **os.environ, 'PYTHONPATH': path, 'PYTHONSAFEPATH': '1'}
    resource_tracker.ensure_running()  # first, since it would let Ctrl-C through again
    with _environment(environment), _without_ctrl_c():
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


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: while they import, they would show where."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
