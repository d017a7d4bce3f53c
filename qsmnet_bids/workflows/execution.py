"""Run a workflow to its end and tell what failed, whichever plugin runs it."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import yaml
from nipype import config, logging
from nipype.pipeline.engine import Workflow
from nipype.pipeline.plugins.base import GraphPluginBase, PluginBase

from qsmnet_bids.errors import Failure, QsmError, SettingsError, storage_error
from qsmnet_bids.workflows.logs import route_nipype_logs
from qsmnet_bids.workflows.plugin import TRACEBACK_HEADER, SafeMultiProcPlugin
from qsmnet_bids.workflows.slurm import SlurmGraphPlugin, SlurmPlugin

GPU_FULL = (
    'the memory of the GPU is too small; run with --device cpu, or when no other program uses it'
)
OURS: dict[str, Callable[[dict[str, object]], PluginBase]] = {
    'MultiProc': SafeMultiProcPlugin,
    'SafeMultiProc': SafeMultiProcPlugin,
    'LegacyMultiProc': SafeMultiProcPlugin,
    'SLURM': SlurmPlugin,
    'SLURMGraph': SlurmGraphPlugin,
}
"""Plugins in place of nipype's, by nipype's names."""

CUT_OFF = (
    'its record was cut off, as on a full disk; free some space and run the same command again'
)


def configure(*, log_dir: Path, stop_on_first_crash: bool = False) -> Path:
    """Set nipype up so that it is quick, calls nobody and writes nowhere but where it is told.

    Parameters
    ----------
    log_dir
        For crash files and the log.
    stop_on_first_crash
        Whether a failed node ends the whole run.

    Returns
    -------
        The log file.
    """
    config.update_config(
        {
            'execution': {
                'check_version': 'false',
                'crashdump_dir': str(log_dir),
                'crashfile_format': 'txt',
                'create_report': 'false',
                'hash_method': 'content',
                'poll_sleep_duration': '0.05',
                'stop_on_first_crash': str(stop_on_first_crash).lower(),
            },
            'monitoring': {'enabled': 'false'},
        }
    )
    logging.update_logging(config)
    log_file = log_dir / 'nipype.log'
    route_nipype_logs(log_file)
    return log_file


def plugin_from_file(path: Path, *, plugin_args: dict[str, object]) -> PluginBase:
    """Make the plugin that a YAML file describes by ``plugin`` and ``plugin_args``.

    Parameters
    ----------
    path
        Of the file.
    plugin_args
        Defaults, which the file's own override.
    """
    remedy = "write 'plugin: MultiProc' and, indented under 'plugin_args:', its arguments"
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f'{path}: {" ".join(str(error).split())}; {remedy}') from error
    name = content.get('plugin') if isinstance(content, dict) else None
    given = content.get('plugin_args') or {} if isinstance(content, dict) else {}
    if not isinstance(name, str) or not isinstance(given, dict):
        raise SettingsError(f'{path}: plugin: nothing usable found; {remedy}')
    if name in OURS:
        return OURS[name]({**plugin_args, **given})
    plugins = import_module('nipype.pipeline.plugins')
    if not hasattr(plugins, f'{name}Plugin'):
        raise SettingsError(f"{path}: plugin: nipype has no plugin '{name}'; {remedy}")
    plugin: PluginBase = getattr(plugins, f'{name}Plugin')(plugin_args={**plugin_args, **given})
    return plugin


def tells_what_ends(plugin: PluginBase) -> bool:
    """Tell whether a plugin calls back when a node ends; nipype's do not that submit a graph.

    Parameters
    ----------
    plugin
        Of nipype, or one of ours.
    """
    return isinstance(plugin, SlurmGraphPlugin) or not isinstance(plugin, GraphPluginBase)


def execute(workflow: Workflow, *, plugin: PluginBase) -> list[Failure]:
    """Run a workflow; nodes that fail cost only what depends on them.

    Parameters
    ----------
    workflow
        Of all runs.
    plugin
        That runs the nodes.

    Returns
    -------
        One for each node that failed.
    """
    crash_dir = Path(config.get('execution', 'crashdump_dir'))
    known = set(crash_dir.glob('crash-*.txt'))
    error = None
    try:
        workflow.run(plugin=plugin)
    except Exception as raised:  # noqa: BLE001 # nipype raises the first failed node's error again
        error = raised
    crash_files = sorted(set(crash_dir.glob('crash-*.txt')) - known)
    failures = [failure_from_crash_file(path) for path in crash_files]
    if error is not None and not failures:
        cause = str(error)
        if not isinstance(error, QsmError):
            cause = _plain(f'{type(error).__name__}: {error}', place=str(workflow.base_dir or ''))
        failures = [Failure(workflow.name, 'workflow', cause)]
    return failures


def failure_from_crash_file(path: Path) -> Failure:
    """Read who failed and why from the text that nipype leaves of a failed node.

    Parameters
    ----------
    path
        Of the crash file.
    """
    text = path.read_text()
    node = re.match(r'Node: (?P<name>\S+)', text)
    names = node['name'].split('.') if node else [_step_of(path)]
    folder = re.search(r'^Working directory: (.+)$', text, re.MULTILINE)
    return Failure(
        run=names[-2] if len(names) > 1 else '',
        step=names[-1],
        cause=cause_of(text, place=folder[1] if folder else ''),
        crash_file=str(path),
    )


def cause_of(text: str, *, place: str = '') -> str:
    r"""Take the last exception's message out of a traceback.

    Parameters
    ----------
    text
        With one traceback or several, the last of which counts.
    place
        Folder or file, for errors of the system that name none.

    >>> cause_of('Traceback (most recent call last):\n  File "a.py"\nOSError: disk full')
    'OSError: disk full'
    >>> cause_of('')
    'its record was cut off, as on a full disk; free some space and run the same command again'
    """
    last = re.split(r'\n(?:When creating|During the creation of) this crashfile', text)[0]
    last = last.rpartition(TRACEBACK_HEADER)[2]
    lines = [line.removeprefix('\t') for line in last.splitlines()]
    while lines and not re.match(r'[A-Za-z_][\w.]*(:|$)', lines[0]):
        del lines[0]  # the calls, which are indented
    found = ' '.join(line.strip() for line in lines if line.strip())
    if not found:
        return CUT_OFF
    kind, _, message = found.partition(': ')
    module, _, name = kind.rpartition('.')
    if module == 'qsmnet_bids.errors':
        return message
    if kind == 'torch.OutOfMemoryError':
        return GPU_FULL
    return _plain(f'{name}: {message}'.removesuffix(': '), place=place)


def _step_of(path: Path) -> str:
    """Read the step from the name of a crash file that has no content.

    >>> _step_of(Path('crash-20300101-120000-me-fit_field-1234.txt'))
    'fit_field'
    """
    words = [word for word in path.stem.split('-') if '_' in word]
    return words[-1] if words else path.stem


def _plain(found: str, *, place: str) -> str:
    """Turn what Python says of a refusal by the system into a sentence.

    >>> _plain("OSError: [Errno 30] Read-only file system: '/out/a.json'", place='')
    '/out/a.json: Read-only file system; allow it, or choose another folder'
    """
    refusal = re.fullmatch(r"\w+Error: \[Errno (\d+)\] ([^:]+)(?:: '(.*)')?", found)
    if refusal is None:
        return found
    number, reason, file = refusal.groups()
    return str(storage_error(OSError(int(number), reason, file), place=place))
