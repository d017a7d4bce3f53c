"""How the app speaks with Slurm: it submits, looks into the queue, and cancels."""

import getpass
import re
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from qsmnet_bids.errors import QsmError

POLL_SECONDS = 2.0
"""From one look into the queue to the next, whatever the number of jobs."""

SILENCE_SECONDS = 600.0
"""For which Slurm may not answer before the app gives up."""


class Queue:
    """The user's jobs that wait or run."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] | None = None
        self._asked = -POLL_SECONDS
        self._answered = time.monotonic()

    def add(self, job: int) -> None:
        """Take note of a job that was submitted since the last look.

        Parameters
        ----------
        job
            Its number.
        """
        if self._jobs is not None:
            self._jobs[str(job)] = ''

    def holds(self, job: int) -> bool:
        """Tell whether a job waits or runs, as far as is known.

        Parameters
        ----------
        job
            Its number.
        """
        self._look()
        return self._jobs is None or str(job) in self._jobs

    def of_scripts(self, scripts: Collection[str]) -> list[str] | None:
        """List the numbers of the jobs that wait or run, of some scripts.

        Parameters
        ----------
        scripts
            Paths.

        Returns
        -------
            None if Slurm has not yet answered.
        """
        self._look()
        if self._jobs is None:
            return None
        return [job for job, script in self._jobs.items() if script in scripts]

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._asked < POLL_SECONDS:
            return
        self._asked = now
        user = f'--user={getpass.getuser()}'
        answer = _ask(['squeue', '--noheader', user, '--format=%i %o'])
        if answer is not None:
            self._answered = now
            pairs = (line.strip().partition(' ') for line in answer.splitlines())
            self._jobs = {job: script.strip() for job, _, script in pairs}
        elif now - self._answered > SILENCE_SECONDS:
            raise QsmError('Slurm does not answer; the same command goes on where this ended')


def submit(words: Sequence[str], *, n_tries: int, pause: float) -> int:
    """Submit a job.

    Parameters
    ----------
    words
        Options and the script.
    n_tries
        At least 1; a busy Slurm may not answer at once.
    pause
        Between tries, s.

    Returns
    -------
        The job's number.

    Raises
    ------
    QsmError
        With what sbatch says, if it refuses.
    """
    for number in range(n_tries):
        time.sleep(pause if number else 0)
        try:
            done = _run(['sbatch', '--parsable', *words])
        except FileNotFoundError as error:
            raise QsmError('sbatch is not there; start the app where Slurm is') from error
        if done.returncode == 0:
            return int(done.stdout.splitlines()[-1].split(';')[0])
    raise QsmError(f'sbatch refused: {" ".join(done.stderr.split())}')


def check_refusals(errors: Path) -> None:
    """Raise if sbatch has refused a job.

    Parameters
    ----------
    errors
        What it has written.
    """
    text = errors.read_text() if errors.exists() else ''
    found = re.search(r'^.*(?:sbatch: error|command not found).*', text, re.MULTILINE)
    if found is not None:
        raise QsmError(f'sbatch refused: {found[0]}')


def state_of(job: int) -> str:
    """Name the state in which Slurm remembers a job, such as TIMEOUT; empty if it does not.

    Parameters
    ----------
    job
        Its number.
    """
    found = re.search(r'JobState=(\w+)', _ask(['scontrol', 'show', 'job', str(job)]) or '')
    return found[1] if found else ''


def cancel(jobs: Sequence[str]) -> None:
    """Take jobs out of the queue.

    Parameters
    ----------
    jobs
        Their numbers; none is no error.
    """
    if jobs:
        _ask(['scancel', *jobs])


def _ask(command: Sequence[str]) -> str | None:
    done = _run(command)
    return None if done.returncode else done.stdout


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- ours
