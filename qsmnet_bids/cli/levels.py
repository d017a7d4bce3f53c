"""The analysis levels: from settings to written reports and the last line."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_text
from qsmnet_bids.bidsio.derivatives import write_bidsignore, write_dataset_description
from qsmnet_bids.cli import messages
from qsmnet_bids.cli.checks import check_device, find_validator, validate
from qsmnet_bids.cli.config import to_toml
from qsmnet_bids.cli.estimates import estimate_lines, limits_of
from qsmnet_bids.cli.participant import find, process
from qsmnet_bids.cli.progress import Stream
from qsmnet_bids.errors import Failure, InputError, Problem
from qsmnet_bids.reports.records import find_sidecars
from qsmnet_bids.settings import Settings

Say = Callable[[Iterable[str]], None]


def run_levels(settings: Settings, stream: Stream) -> bool:
    """Do what the settings ask for, and tell how it went.

    Parameters
    ----------
    settings
        Of the whole run.
    stream
        For the user; the last line agrees with the result.

    Returns
    -------
        Whether all is well.
    """

    def say(lines: Iterable[str]) -> None:
        for line in lines:
            stream.write(f'{line}\n')
        stream.flush()

    check_device(settings.device)
    if settings.validate_output:
        find_validator()
    if settings.dry_run:
        return _plan(settings, say)
    ending, failures = _do(settings, say, stream)
    errors = validate(settings.output_dir) if settings.validate_output else []
    if errors:
        ending = [*errors, *ending[:-1], f'{ending[-1]}, but the output is not valid BIDS']
    say(ending)
    return not failures and not errors


def _do(settings: Settings, say: Say, stream: Stream) -> tuple[list[str], list[Failure]]:
    """Run the levels; return the last lines and the failures."""
    ending: list[str] = []
    failures: list[Failure] = []
    if 'participant' in settings.analysis_levels and settings.reports_only:
        ending += _write_reports_anew(settings)
    elif 'participant' in settings.analysis_levels:
        failures, n_runs = _run_participants(settings, say, stream)
        ending += messages.ending_lines(failures, n_runs=n_runs)
    if 'group' in settings.analysis_levels and not (failures and not _has_maps(settings)):
        ending[:0] = _run_group(settings)
    return ending, failures


def _plan(settings: Settings, say: Say) -> bool:
    """Show what would be done."""
    if 'participant' not in settings.analysis_levels:
        say(f'{path}: a run of the group' for path in find_sidecars(settings.output_dir))
        return True
    runs, preflight = find(settings)
    say(messages.problem_lines(preflight.problems))
    for acquisition in preflight.acquisitions:
        say(messages.plan_lines(acquisition, settings))
    if preflight.acquisitions:
        say(estimate_lines(preflight.acquisitions, settings, limits_of(settings)))
    failures = messages.preflight_failures(runs, preflight)
    n_good = len(preflight.acquisitions)
    say([f'qsmnet-bids: {n_good}/{n_good + len(failures)} runs can be processed'])
    return not failures


def _reporting() -> ModuleType:
    """Import what writes pages, which the first step need not wait for."""
    return import_module('qsmnet_bids.cli.reporting')


def _describe(settings: Settings) -> list[str]:
    """Write what the output dataset says about itself and about this call; return warnings."""
    output_dir = settings.output_dir
    warnings = write_dataset_description(output_dir, bids_dir=settings.bids_dir)
    write_bidsignore(output_dir)
    now = datetime.now().astimezone()
    file = output_dir / 'logs' / f'qsmnet-bids_{now:%Y%m%dT%H%M%S}.toml'
    heading = f'# qsmnet-bids {__version__}, {now.isoformat(timespec="seconds")}; '
    write_text(file, f'{heading}--config-file takes this file.\n{to_toml(settings)}')
    return warnings


def _run_participants(settings: Settings, say: Say, stream: Stream) -> tuple[list[Failure], int]:
    """Process all runs that can be; return the failures and the number of runs."""
    runs, preflight = find(settings)
    say(_describe(settings))
    say(messages.problem_lines(preflight.problems))
    failures = messages.preflight_failures(runs, preflight)
    n_runs = len(failures) + len(preflight.acquisitions)
    for acquisition in preflight.acquisitions if settings.verbosity else ():
        say(messages.plan_lines(acquisition, settings))
    if preflight.acquisitions:
        say(estimate_lines(preflight.acquisitions, settings, limits_of(settings)))
        log_dir = settings.output_dir / 'logs'
        failures += process(
            preflight.acquisitions,
            settings,
            log_dir=log_dir,
            stream=stream,
            meanwhile=_reporting,
        )
    try:
        _reporting().write_reports(
            settings.output_dir, [run.subject for run in runs], failures=failures
        )
    except OSError:
        say(messages.ending_lines(failures, n_runs=n_runs))  # or nobody would learn of them
        raise
    return failures, n_runs


def _write_reports_anew(settings: Settings) -> list[str]:
    """Write the reports of what is there."""
    sidecars = _sidecars(settings.output_dir)
    subjects = {path.name.split('_')[0].removeprefix('sub-') for path in sidecars}
    chosen = sorted(subjects & set(settings.participant_labels or subjects))
    _reporting().write_reports(settings.output_dir, chosen)
    return [f'qsmnet-bids: {len(chosen)} reports written']


def _run_group(settings: Settings) -> list[str]:
    """Write the group's table and page."""
    n_runs = len(_sidecars(settings.output_dir))
    _, page = _reporting().write_group(
        settings.output_dir,
        participants=settings.bids_dir / 'participants.tsv',
        maps=settings.group_maps,
    )
    return [f'qsmnet-bids: group of {n_runs} runs written to {page}']


def _has_maps(settings: Settings) -> bool:
    return any(find_sidecars(settings.output_dir))


def _sidecars(output_dir: Path) -> Sequence[Path]:
    sidecars = list(find_sidecars(output_dir))
    if not sidecars:
        found = 'no susceptibility map is there'
        raise InputError(
            Problem(str(output_dir), 'Chimap', found, 'run the participant level first')
        )
    return sidecars
