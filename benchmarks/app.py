"""Run the app as a user does: in a process of its own, by its command line."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

RUN = Path(__file__).parents[1] / 'run.py'


def command(bids_dir: Path, output_dir: Path, work_dir: Path, *options: str) -> list[str]:
    """Write the command line of the participant level.

    Parameters
    ----------
    bids_dir, output_dir, work_dir
        As the app has them.
    options
        More words.
    """
    folders = [str(bids_dir), str(output_dir), 'participant', '--work-dir', str(work_dir)]
    return [sys.executable, str(RUN), *folders, *options]


def run(words: Sequence[str], log: Path) -> float:
    """Run a command to its end.

    Parameters
    ----------
    words
        The command line.
    log
        Receives what it says.

    Returns
    -------
        Wall time, s.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with log.open('w') as file:
        done = subprocess.run(words, stdout=file, stderr=subprocess.STDOUT, check=False)  # noqa: S603 - our own words
    if done.returncode:
        tail = '\n'.join(log.read_text().splitlines()[-20:])
        raise RuntimeError(f'{" ".join(words)} ended with {done.returncode}:\n{tail}')
    return time.perf_counter() - start
