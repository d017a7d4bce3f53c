"""End runs at random moments, run the same command again, and count what went wrong.

``python -m tests.faults.interruptions BIDS SCRATCH --moments 100 --label 01``
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.faults.app import call, content, differences, finish, left_of, start
from tests.faults.watching import Watcher

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 200
"""Seconds after which an end that has not come is a hang."""
ENDINGS = {signal.SIGKILL: {-9}, signal.SIGTERM: {143, -15}, signal.SIGINT: {130, -2}}


class Interruption(NamedTuple):
    """What came of one moment.

    Parameters
    ----------
    seconds
        For which the run went on, if it ended before the moment came; else None.
    faults
        All that was wrong.
    n_seen
        How many files were watched.
    """

    seconds: float | None
    faults: list[str]
    n_seen: int


def interrupt(
    bids_dir: Path, scratch: Path, words: list[str], *, number: signal.Signals, moment: float
) -> Interruption:
    """End one run and resume it."""
    out, work = scratch / 'out', scratch / 'work'
    for folder in (out, work):
        shutil.rmtree(folder, ignore_errors=True)
    watcher = Watcher(out)
    watcher.start()
    begin = time.monotonic()
    process = start(bids_dir, out, work, *words)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        # a terminal sends Ctrl-C to all, a scheduler or the kernel ends the one process
        (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
    text, faults = end_of(process)
    seconds = None if process.returncode else time.monotonic() - begin
    if process.returncode not in ENDINGS[number] | {0}:
        faults.append(f'exit code {process.returncode}\n{text}')
    if 'Traceback' in text:
        faults.append(f'traceback\n{text}')
    faults += [f'left alive {each}' for each in left_of(process.pid, seconds=PATIENCE)]
    code, text = call(bids_dir, out, work, *words)
    watcher.stop()
    if code or 'Traceback' in text:
        faults.append(f'second run: exit code {code}\n{text}')
    faults += [
        f'differs: {name}' for name in differences(content(out), content(scratch / 'whole'))
    ]
    faults += [f'left: {path}' for path in out.rglob('*.tmp')]
    faults += [f'half: {half}' for half in watcher.halves]
    return Interruption(seconds, faults, watcher.n_seen)


def end_of(process: subprocess.Popen) -> tuple[str, list[str]]:
    """Wait for the end; give what was said, and what was wrong."""
    try:
        return finish(process, seconds=PATIENCE), []
    except subprocess.TimeoutExpired:
        return '', ['hang']


def interrupt_many(
    bids_dir: Path, scratch: Path, words: list[str], *, n_moments: int, seed: int = 1
) -> tuple[Counter[str], list[str], int]:
    """Do so at random moments, with each signal in turn.

    The moments are evenly spread over a run and a tenth more: some runs end before their moment,
    and tell how long one takes now, as the machine may have other work.

    Returns how many runs were ended, by signal, all that was wrong, and the files watched.
    """
    # a shell lets its background jobs ignore Ctrl-C, and they would hand that on
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    code, text = call(bids_dir, scratch / 'whole', scratch / 'work-whole', *words)
    if code:
        raise RuntimeError(text)
    duration = time.monotonic() - begin
    moments = random.Random(seed)  # noqa: S311 -- moments, not secrets
    counts: Counter[str] = Counter()
    faults: list[str] = []
    n_seen = 0
    for index in range(n_moments):
        number = SIGNALS[index % len(SIGNALS)]
        moment = moments.uniform(0, 1.1 * duration)
        came = interrupt(bids_dir, scratch, words, number=number, moment=moment)
        counts['had ended' if came.seconds else number.name] += 1
        n_seen += came.n_seen
        place = f'{number.name} at {moment:.2f} of {duration:.1f} s'
        faults += [f'{place}: {each}' for each in came.faults]
        print(index, place, dict(counts), n_seen, came.faults or 'fine', flush=True)  # noqa: T201
        duration = came.seconds or duration
    return counts, faults, n_seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bids_dir', type=Path)
    parser.add_argument('scratch', type=Path)
    parser.add_argument('--moments', type=int, default=20)
    parser.add_argument('--label', nargs='+', default=['01'])
    parser.add_argument('--seed', type=int, default=1)
    given = parser.parse_args()
    words = ['--participant-label', *given.label]
    counts, faults, n_seen = interrupt_many(
        given.bids_dir, given.scratch, words, n_moments=given.moments, seed=given.seed
    )
    print(dict(counts), f'{n_seen} files watched, {len(faults)} faults', *faults, sep='\n')  # noqa: T201


if __name__ == '__main__':
    main()
