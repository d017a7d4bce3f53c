"""Kill workers at random moments: the graph ends, and only what was killed can fail.

``python -m tests.faults.kills --trials 100``
"""

import argparse
import contextlib
import random
import signal
import tempfile
import threading
import time
from pathlib import Path

import psutil
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin

SECONDS = 300
"""After which an end that has not come is a hang."""
N_PAIRS = 3
# a worker cannot import this file
WORK = """
def work(seconds, after=None):
    import time
    time.sleep(seconds)
    return seconds
"""


class HangError(BaseException):
    """No end has come; nothing that catches exceptions catches this."""


class Killer(threading.Thread):
    """Kills a worker at some moments after the first has come, if one runs then."""

    def __init__(self, pauses: list[float], chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.n_killed = 0
        self._pauses, self._chance = pauses, chance

    def run(self) -> None:
        end = time.monotonic() + SECONDS
        while not workers() and time.monotonic() < end:
            time.sleep(0.01)
        for pause in self._pauses:
            time.sleep(pause)
            with contextlib.suppress(psutil.NoSuchProcess):
                found = workers()
                if found:
                    self._chance.choice(found).kill()
                    self.n_killed += 1


def workers() -> list[psutil.Process]:
    servers = [
        child for child in psutil.Process().children() if 'forkserver' in ' '.join(child.cmdline())
    ]
    return [worker for server in servers for worker in server.children()]


@contextlib.contextmanager
def no_hang():
    def ring(*_):
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def graph(folder: Path, chance: random.Random) -> Workflow:
    """Make pairs of nodes, the second of which waits for the first."""
    workflow = Workflow('wf', base_dir=str(folder / 'work'))
    for n in range(N_PAIRS):
        first, heir = (
            Node(Function(function=WORK, output_names=['out']), name=f'{name}{n}')
            for name in ('first', 'heir')
        )
        first.inputs.seconds, heir.inputs.seconds = chance.uniform(0, 0.6), 0.0
        workflow.connect(first, 'out', heir, 'after')
    return workflow


def attempt(folder: Path, *, seed: int) -> tuple[int, int]:
    """Run a graph while workers are killed; give how many were, and how many nodes failed."""
    chance = random.Random(seed)  # noqa: S311 -- moments, not secrets
    log_file = configure(log_dir=folder / 'logs')
    ended = []
    plugin = SafeMultiProcPlugin(
        {
            'n_procs': 3,
            'memory_gb': 4,
            'log_file': log_file,
            'status_callback': lambda node, what: what == 'end' and ended.append(node.name),
        }
    )
    killer = Killer([chance.uniform(0, 0.7) for _ in range(3)], chance)
    killer.start()
    with no_hang():
        failures = execute(graph(folder, chance), plugin=plugin)
    killer.join()

    assert len(failures) <= killer.n_killed
    assert all('was killed, most likely for lack of memory' in each.cause for each in failures)
    failed = {failure.step for failure in failures}
    lost = failed | {name.replace('first', 'heir') for name in failed}
    names = {f'{name}{n}' for name in ('first', 'heir') for n in range(N_PAIRS)}
    assert sorted(ended) == sorted(names - lost)
    assert workers() == []
    return killer.n_killed, len(failures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--trials', type=int, default=20)
    given = parser.parse_args()
    n_killed = n_failed = 0
    for seed in range(given.trials):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            killed, failed = attempt(Path(folder), seed=seed)
        n_killed, n_failed = n_killed + killed, n_failed + failed
        seconds = time.monotonic() - begin
        print(  # noqa: T201
            f'{seed + 1} trials, {n_killed} kills, {n_failed} nodes lost, {seconds:.1f} s',
            flush=True,
        )


if __name__ == '__main__':  # workers import this file anew
    main()
