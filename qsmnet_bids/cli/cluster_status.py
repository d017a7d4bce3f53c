"""How far each subject of a folder of cluster scripts is, from its files and the queue."""

import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal[
    'waiting', 'running', 'done', 'failed', 'killed for memory', 'out of time', 'killed'
]
STATES: tuple[State, ...] = (
    'done', 'running', 'waiting', 'failed', 'killed for memory', 'out of time', 'killed'
)  # fmt: skip
Queue = Collection[tuple[str, str]] | None
"""Jobs and tasks (``*`` for all of a job) that have not ended; None if nobody could tell."""

NO_MEMORY = re.compile(
    r'oom[-_ ]?kill|(?<!CUDA )out[-_ ]of[-_ ]memory|exceeded (job |step )?memory limit'
    r'|TERM_MEMLIMIT|\bv?mem \S+ exceeded limit|most likely for lack of memory',
    re.IGNORECASE,
)
NO_TIME = re.compile(
    r'due to time limit|TERM_RUNLIMIT|walltime \S+ exceeded limit|h_rt .*exceed', re.IGNORECASE
)
SIGKILLED = 137
TAIL = 20_000
"""Bytes of a log that are read: what ended a job stands last."""


@dataclass(frozen=True)
class SubjectState:
    """Where one subject stands.

    Parameters
    ----------
    name
        ``sub-01``, or ``group``.
    state
        One of ``STATES``.
    cause
        Why it is not done, in one sentence; empty if there is nothing to say.
    """

    name: str
    state: State
    cause: str = ''

    @property
    def is_done(self) -> bool:
        """Whether nothing remains to be done."""
        return self.state == 'done'


@dataclass(frozen=True)
class _Attempt:
    """What a task noted when it began: its job, its number, its memory and where it writes."""

    job: str
    task: str
    memory_mb: str
    log: Path
    scheduler_file: Path


def find_states(folder: Path, *, queue: Queue) -> list[SubjectState]:
    """Find where each subject stands, and the group last.

    Parameters
    ----------
    folder
        Of the scripts.
    queue
        What has not ended.
    """
    labels = (folder / 'subjects.txt').read_text(encoding='utf-8').split()
    names = [*(f'sub-{label}' for label in labels), 'group']
    return [_state(folder, name, queue) for name in names]


def status_lines(states: Sequence[SubjectState]) -> Iterator[str]:
    """Write a line for each subject, and the counts as the last.

    Parameters
    ----------
    states
        Of the subjects, and the group last.
    """
    width = max(len(state.name) for state in states)
    for state in states:
        yield f'{state.name:{width}}  {state.state}{": " if state.cause else ""}{state.cause}'
    subjects = Counter(state.state for state in states[:-1])
    counts = ', '.join(f'{subjects[state]} {state}' for state in STATES if subjects[state])
    yield f'qsmnet-bids-slurm: {counts}; group {states[-1].state}'


def queue_lines(folder: Path, *, queue: Queue) -> Iterator[str]:
    """Name the jobs of this folder that have not ended.

    Parameters
    ----------
    folder
        Of the scripts.
    queue
        What has not ended.
    """
    unfinished = {job for job, _ in queue or ()}
    own = [job for job in _read(folder / 'state' / 'jobs').split() if job in unfinished]
    if own:
        yield f'in the queue: {", ".join(own)}'


def read_queue(folder: Path) -> Queue:
    """Ask the scheduler which jobs and tasks of this user have not ended.

    Parameters
    ----------
    folder
        Of the scripts.

    Returns
    -------
        None where the scheduler's commands are missing or do not answer.
    """
    bash = shutil.which('bash')
    if bash is None:
        return None
    try:
        found = subprocess.run(  # noqa: S603 -- the user's own script, without arguments
            [bash, str(folder / 'queue.sh')],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    pairs = (line.split() for line in found.stdout.splitlines())
    return {(pair[0], pair[1]) for pair in pairs if len(pair) == 2}


def _state(folder: Path, name: str, queue: Queue) -> SubjectState:
    attempt = _read_attempt(folder, name)
    if attempt is None:
        return SubjectState(name, 'waiting')
    code = _read(folder / 'state' / f'{name}.ended').strip()
    if not code:
        return _without_end(folder, name, attempt, queue)
    if code == '0':
        if name == 'group' or _has_map(folder, name):
            return SubjectState(name, 'done')
        return SubjectState(name, 'waiting', 'it was done, but its map is gone')
    return _failed(folder, name, attempt, code)


def _without_end(folder: Path, name: str, attempt: _Attempt, queue: Queue) -> SubjectState:
    """Judge a task that began and noted no end."""
    where = f'job {attempt.job}, task {attempt.task}'
    if queue is None:
        return SubjectState(name, 'running', f'{where}, or killed: no scheduler answers here')
    if (attempt.job, attempt.task) in queue or (attempt.job, '*') in queue:
        return SubjectState(name, 'running', where)
    return _killed(folder, name, attempt) or SubjectState(
        name, 'killed', f'{where} ended without a word; see {attempt.scheduler_file}'
    )


def _failed(folder: Path, name: str, attempt: _Attempt, code: str) -> SubjectState:
    lines = _tail(folder / attempt.log).splitlines()
    failures = [line for line in lines if line.startswith('FAILED ')]
    said = failures or [line for line in lines if line.strip()]
    cause = said[-1].removeprefix('FAILED ').strip() if said else 'it said nothing'
    if len(failures) > 1:
        cause += f' (and {len(failures) - 1} other runs)'
    killed = _killed(folder, name, attempt)
    if killed or int(code) == SIGKILLED:
        return killed or SubjectState(name, 'killed for memory', _with_memory(attempt))
    return SubjectState(name, 'failed', f'{cause} (exit code {code}; {attempt.log})')


def _killed(folder: Path, name: str, attempt: _Attempt) -> SubjectState | None:
    """Read in the logs what the system or the scheduler ended, and why."""
    text = _tail(folder / attempt.scheduler_file) + _tail(folder / attempt.log)
    if NO_MEMORY.search(text):
        return SubjectState(name, 'killed for memory', _with_memory(attempt))
    if NO_TIME.search(text):
        return SubjectState(name, 'out of time', 'write the scripts again with more --time')
    return None


def _with_memory(attempt: _Attempt) -> str:
    return f'with {attempt.memory_mb} MB; {attempt.log}'


def _read_attempt(folder: Path, name: str) -> _Attempt | None:
    words = _read(folder / 'state' / f'{name}.started').split()
    if len(words) != 5:
        return None
    job, task, memory_mb, log, scheduler_file = words
    return _Attempt(job, task, memory_mb, Path(log), Path(scheduler_file))


def _has_map(folder: Path, name: str) -> bool:
    """Tell whether the subject's map is still there, as ``is_done`` of the scripts does."""
    match = re.search(r'^output_dir=(.*)$', _read(folder / 'settings.sh'), re.MULTILINE)
    return match is not None and any((Path(*shlex.split(match[1])) / name).rglob('*_Chimap.json'))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except OSError:
        return ''


def _tail(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError:
        return ''
    return content[-TAIL:].decode('utf-8', 'replace')
