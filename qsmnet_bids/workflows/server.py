"""The process from which workers are forked, with torch and the stages loaded. Imports little."""

import os
import sys
from multiprocessing import forkserver
from pathlib import Path

PRELOAD = ('qsmnet_bids.interfaces.numerics', 'nipype.pipeline.plugins.multiproc')
"""Modules that a worker needs; the server imports them once, torch with them."""


def start_server(*, cache_dir: Path | None = None) -> None:
    """Start the server, if none runs yet; do not wait for it.

    Parameters
    ----------
    cache_dir
        For what libraries would write to the home folder; None to leave the environment alone.
    """
    if cache_dir is not None:
        os.environ.setdefault('MPLCONFIGDIR', str(cache_dir / 'matplotlib'))
    forkserver.set_forkserver_preload(list(PRELOAD))
    before = os.environ.get('PYTHONPATH')
    # The server would not find modules that lie beside the script which the user started.
    os.environ['PYTHONPATH'] = os.pathsep.join(path for path in sys.path if path)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ['PYTHONPATH']
        else:
            os.environ['PYTHONPATH'] = before
