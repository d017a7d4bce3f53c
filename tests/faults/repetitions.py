"""Run the same command again and again in one process, and measure what grows.

``python -m tests.faults.repetitions BIDS SCRATCH --runs 50``
"""

import argparse
import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil

from qsmnet_bids.cli.run import main as run


class Size(NamedTuple):
    """Of the process and all below it, and of what lies in its folders, without the logs."""

    memory_mb: float
    n_processes: int
    n_threads: int
    n_open: int
    n_files: int
    n_temporary: int


def measure(scratch: Path) -> Size:
    own = psutil.Process()
    family = [own, *own.children(recursive=True)]
    folders = [path for path in (scratch / 'out', scratch / 'work') if path.exists()]
    files = [path for folder in folders for path in folder.rglob('*') if path.is_file()]
    return Size(
        memory_mb=round(sum(each.memory_full_info().uss for each in family) / 1e6, 1),
        n_processes=len(family),
        n_threads=sum(each.num_threads() for each in family),
        n_open=sum(each.num_fds() for each in family),
        n_files=sum('logs' not in path.parts for path in files),
        n_temporary=sum(path.is_file() for path in (scratch / 'temporary').rglob('*')),
    )


def repeat(bids_dir: Path, scratch: Path, words: list[str], *, n_runs: int) -> list[Size]:
    """Give the sizes after each run; every second run finds the work of the one before."""
    temporary = scratch / 'temporary'
    temporary.mkdir(parents=True)
    tempfile.tempdir = str(temporary)
    arguments = [bids_dir, scratch / 'out', 'participant', 'group', *words]
    arguments += ['--work-dir', scratch / 'work', '--nprocs', '2']
    sizes = []
    for index in range(n_runs):
        if index % 2 == 0:
            shutil.rmtree(scratch / 'work', ignore_errors=True)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = run([str(argument) for argument in arguments])
        if code:
            raise RuntimeError(said.getvalue())
        sizes.append(measure(scratch))
        print(index + 1, *sizes[-1], flush=True)  # noqa: T201
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bids_dir', type=Path)
    parser.add_argument('scratch', type=Path)
    parser.add_argument('--runs', type=int, default=50)
    given = parser.parse_args()
    os.environ['OMP_NUM_THREADS'] = '1'
    print('run', *Size._fields)  # noqa: T201
    repeat(given.bids_dir, given.scratch, ['--participant-label', '01'], n_runs=given.runs)


if __name__ == '__main__':  # workers import this file anew
    main()
