"""The lines that the command line shows: plans, problems, and how it ended."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.names import parse_name
from qsmnet_bids.bidsio.preflight import Preflight
from qsmnet_bids.bidsio.query import Run
from qsmnet_bids.cli.progress import STEPS
from qsmnet_bids.errors import Failure, Problem
from qsmnet_bids.settings import Settings

PREFLIGHT = 'check of the input'


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """List problems by subject, one line each."""
    subjects = dict.fromkeys(problem.subject for problem in problems)
    for subject in subjects:
        own = [problem for problem in problems if problem.subject == subject]
        heading = f'sub-{subject}' if subject else 'dataset'
        yield f'{heading}: {_count(len(own), "problem")}'
        for problem in own:
            yield f'  {problem}'


def preflight_failures(runs: Sequence[Run], preflight: Preflight) -> list[Failure]:
    """Name the runs that cannot be processed, and subjects without any, each with its cause.

    Parameters
    ----------
    runs
        All that were found.
    preflight
        What became of them.
    """
    good = {
        run.name
        for acquisition in preflight.acquisitions
        for run in acquisition.orientations or (acquisition,)
    }
    failures = []
    for run in {run.name: run for run in runs if run.name not in good}.values():
        own = [problem for problem in preflight.problems if problem.subject == run.subject]
        named = [problem for problem in own if _is_of(problem, run)]
        failures.append(Failure(run.name, PREFLIGHT, _summary(named or own)))
    found = {run.subject for run in runs}
    absent = [problem for problem in preflight.problems if problem.subject not in found]
    return failures + [Failure(f'sub-{each.subject}', PREFLIGHT, str(each)) for each in absent]


def plan_lines(acquisition: Acquisition, settings: Settings) -> Iterator[str]:
    """Tell what would be done with a run."""
    times = ', '.join(f'{1000 * time:g}' for time in acquisition.echo_times)
    direction = ' '.join(f'{x + 0.0:.3g}' for x in acquisition.b0_dir)
    size = ' x '.join(f'{x:.3g}' for x in acquisition.voxel_size)
    shape = ' x '.join(str(n) for n in acquisition.shape)
    masking = f'mask {acquisition.mask}' if acquisition.mask else settings.masking
    yield acquisition.name
    if acquisition.orientations:
        yield f'  orientations {", ".join(run.name for run in acquisition.orientations)}'
    yield f'  {_count(len(acquisition.echo_times), "echo", "echoes")} at {times} ms'
    yield f'  B0 {acquisition.b0:g} T along {direction}'
    yield f'  voxels {size} mm, {shape}'
    yield (f'  phase {acquisition.phase_convention}, sign {acquisition.phase_sign:+d}')
    yield (
        f'  methods {masking}, {settings.unwrapping}, {settings.fieldmap}, '
        f'{settings.background}, {settings.inversion}, reference {settings.reference}'
        f'{f" (preset {settings.preset})" if settings.preset else ""}'
    )
    for warning in acquisition.warnings:
        yield f'  warning: {warning}'


def ending_lines(failures: Sequence[Failure], *, n_runs: int) -> Iterator[str]:
    """Tell how it ended: a line for each failed run, and the summary as the last.

    Parameters
    ----------
    failures
        At most one for each run.
    n_runs
        Of all runs, failed or not.
    """
    for failure in failures:
        crash_file = f' ({failure.crash_file})' if failure.crash_file else ''
        step = STEPS.get(failure.step, failure.step)
        yield f'FAILED {failure.run}: {step}: {failure.cause}{crash_file}'
    yield f'qsmnet-bids: {n_runs - len(failures)}/{n_runs} runs done'


def _is_of(problem: Problem, run: Run) -> bool:
    return run.entities.items() <= parse_name(Path(problem.file)).items()


def _summary(problems: Sequence[Problem]) -> str:
    if not problems:
        return 'the input cannot be processed'
    others = f' (and {_count(len(problems) - 1, "other problem")})' if len(problems) > 1 else ''
    return f'{problems[0]}{others}'


def _count(n: int, one: str, many: str = '') -> str:
    return f'{n} {one if n == 1 else many or one + "s"}'
