"""The folder of scripts: those of the package as they are, and the settings of one dataset."""

import re
import shlex
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_text
from qsmnet_bids.cli.cluster_plan import Plan
from qsmnet_bids.errors import SettingsError

SCRIPTS = ('submit.sh', 'task.sh', 'group.sh', 'common.sh', 'queue.sh')
WHAT = ('bids_dir', 'output_dir', 'image', 'command_words', 'options')
"""Settings that decide the result, and so whether what is done still counts."""


def write_folder(plan: Plan, subjects: Sequence[str]) -> None:
    """Write or renew the scripts; what is known of the subjects stays.

    Parameters
    ----------
    plan
        Of the whole dataset.
    subjects
        Labels, without ``sub-``.
    """
    folder, values = plan.folder, settings_lines(plan)
    if any('\n' in line for line in values):
        raise SettingsError('a path or an option has a line break; expected names without')
    _check_unchanged(folder, values)
    setup = folder / 'setup.sh'
    if not setup.exists():
        write_text(setup, _template('setup.sh'))
    for name in SCRIPTS:
        write_text(folder / name, _template(name))
    write_text(folder / 'scheduler.sh', _template(f'{plan.scheduler}.sh'))
    heading = (
        '# shellcheck shell=bash disable=SC2034 # used by the other scripts\n'
        f'# Written by qsmnet-bids-slurm {__version__}, which writes it anew at every call.'
    )
    write_text(folder / 'settings.sh', '\n'.join((heading, *values)) + '\n')
    write_text(folder / 'subjects.txt', ''.join(f'{label}\n' for label in subjects))
    for name in ('submit.sh', 'queue.sh'):
        (folder / name).chmod(0o755)


def settings_lines(plan: Plan) -> list[str]:
    """Write the plan as assignments of the shell, quoted.

    Parameters
    ----------
    plan
        Of the whole dataset.
    """
    settings = plan.settings
    name = re.sub(r'[^A-Za-z0-9]+', '-', settings.bids_dir.name).strip('-')
    return [
        _assign('bids_dir', settings.bids_dir),
        _assign('output_dir', settings.output_dir),
        _assign('work_dir', settings.work_dir),
        _assign('image', plan.image or ''),
        _assign_array('command_words', plan.command_words),
        _assign_array('binds', plan.binds),
        _assign_array('options', plan.app_words),
        _assign('name', f'qsm-{name[:40]}'),
        _assign('cpus', plan.cpus),
        _assign('memory_mb', plan.memory_mb),
        _assign('retry_memory_mb', plan.retry_memory_mb),
        _assign('minutes', plan.minutes),
        _assign('gpus', plan.gpus),
        _assign('array_size', plan.array_size),
        _assign('max_running', plan.max_running or ''),
        _assign_array('submit_options', plan.submit_options),
    ]


def _assign(name: str, value: object) -> str:
    return f'{name}={shlex.quote(str(value))}'


def _assign_array(name: str, values: Iterable[object]) -> str:
    return f'{name}=({" ".join(shlex.quote(str(value)) for value in values)})'


def _template(name: str) -> str:
    return resources.files('qsmnet_bids.data').joinpath('cluster', name).read_text('utf-8')


def _check_unchanged(folder: Path, values: Sequence[str]) -> None:
    """Refuse to mix results of different settings in one folder."""
    file = folder / 'settings.sh'
    if not file.is_file() or not any(folder.glob('state/*.ended')):
        return
    before = set(file.read_text(encoding='utf-8').split('\n'))
    changed = [
        name
        for name in WHAT
        for line in values
        if line.startswith(f'{name}=') and line not in before
    ]
    if changed:
        raise SettingsError(
            f'{file}: {", ".join(changed)} differ from those by which subjects were processed; '
            f'give another --folder, or remove {folder / "state"} to process all subjects again'
        )
