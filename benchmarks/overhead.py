"""What the workflow costs beside the numerics: the app against ``pipeline.reconstruct``."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch

from benchmarks import app
from benchmarks.process import measure
from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.pipeline import reconstruct


@dataclass(frozen=True)
class Row:
    """Wall times on one dataset.

    Parameters
    ----------
    inversion
        Method.
    app
        ``run.py`` at the participant level, from start to end, s.
    load, reconstruct
        Reading the files and ``pipeline.reconstruct``, summed over the runs, s.
    overhead
        What the app takes more than these two, s: start, checks, files, figures, report.
    """

    inversion: str
    app: float
    load: float
    reconstruct: float
    overhead: float


def overhead(bids_dir: Path, scratch: Path, *, inversion: str, n_threads: int) -> Row:
    """Reconstruct a dataset by the app and in memory, with as many threads.

    Parameters
    ----------
    bids_dir
        Raw dataset.
    scratch
        Folder for all that is written; must not hold an earlier run, which would be resumed.
    inversion
        Method.
    n_threads
        Of both.
    """
    load, numerics = measure(_in_memory, bids_dir, inversion, n_threads).value
    words = app.command(
        bids_dir,
        scratch / 'out',
        scratch / 'work',
        *('--inversion', inversion, '--nprocs', str(n_threads), '--omp-nthreads', str(n_threads)),
    )
    seconds = app.run(words, scratch / 'app.log')
    return Row(inversion, seconds, load, numerics, seconds - load - numerics)


def _in_memory(bids_dir: Path, inversion: str, n_threads: int) -> tuple[float, float]:
    torch.set_num_threads(n_threads)
    load = numerics = 0.0
    preflight = check(find_runs(bids_dir), bids_dir=bids_dir)
    for acquisition in preflight.acquisitions:
        start = perf_counter()
        echoes = load_multi_echo(
            acquisition.magnitude,
            acquisition.phase,
            echo_times=acquisition.echo_times,
            b0=acquisition.b0,
            b0_dir=acquisition.b0_dir,
            voxel_size=acquisition.voxel_size,
            phase_slope=acquisition.phase_slope,
            phase_intercept=acquisition.phase_intercept,
            phase_sign=acquisition.phase_sign,
        )
        loaded = perf_counter()
        reconstruct(echoes, inversion=inversion)
        load += loaded - start
        numerics += perf_counter() - loaded
    return load, numerics
