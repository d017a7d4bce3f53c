"""What failed is told in one sentence, and the plugin file is read or refused."""

import os
from traceback import format_exception

import pytest
from nipype import config
from nipype.pipeline.engine import Workflow
from nipype.pipeline.plugins.linear import LinearPlugin

from qsmnet_bids.errors import InputError, Problem, SettingsError
from qsmnet_bids.workflows.execution import (
    GPU_FULL,
    cause_of,
    configure,
    execute,
    failure_from_crash_file,
    plugin_from_file,
)
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin

NODE_ERROR = """Node: qsmnet_bids.sub-01.sub-01_run-1.fit_field
Working directory: /scratch/fit_field

Node inputs:
method = weighted_mean
Traceback (most recent call last):
  File "plugin.py", line 1, in _work
    node.run(updatehash=updatehash)
nipype.pipeline.engine.nodes.NodeExecutionError: Exception raised while executing Node fit_field.

Traceback:
>Traceback (most recent call last):
>  File "core.py", line 2, in run
>    runtime = self._run_interface(runtime)
>              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
>{error}

When creating this crashfile, the results file corresponding
to the node could not be found.""".replace('\n>', '\n\t')  # nipype indents by tabs


FULL = (
    'No space left on device; free some space there, or choose another folder; '
    'the same command then goes on'
)


@pytest.mark.parametrize(
    ('error', 'cause'),
    [
        ('ValueError: the mask is empty', 'ValueError: the mask is empty'),
        ('numpy.linalg.LinAlgError: Singular matrix', 'LinAlgError: Singular matrix'),
        ('qsmnet_bids.errors.SettingsError: no GPU: use the CPU', 'no GPU: use the CPU'),
        (
            'qsmnet_bids.errors.InputError: a.nii: shape: 2D; drop it\n\tb.nii: shape: 2D; drop',
            'a.nii: shape: 2D; drop it b.nii: shape: 2D; drop',
        ),
        ('MemoryError', 'MemoryError'),
        ('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.', GPU_FULL),
        (
            'OSError: [Errno 28] No space left on device',
            f'/scratch/fit_field: {FULL}',
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/out/a: b.json'",
            '/out/a: b.json: Permission denied; allow it, or choose another folder',
        ),
        ('OSError: [Errno 5] Input/output error: 3', 'OSError: [Errno 5] Input/output error: 3'),
        (
            'RuntimeError: [enforce fail at alloc_cpu.cpp:1] can not allocate\n\n\tframe #0: x',
            'RuntimeError: [enforce fail at alloc_cpu.cpp:1] can not allocate frame #0: x',
        ),
    ],
)
def test_cause_is_the_innermost_exception(tmp_path, error, cause):
    path = tmp_path / 'crash-1.txt'
    path.write_text(NODE_ERROR.replace('{error}', error))
    failure = failure_from_crash_file(path)
    assert (failure.run, failure.step) == ('sub-01_run-1', 'fit_field')
    assert failure.cause == cause
    assert failure.crash_file == str(path)


def test_cause_of_what_really_is_raised():
    error = InputError(Problem('a.nii', 'shape', 'two axes', 'give three'))
    error.__cause__ = KeyError('inner')
    text = 'Node: a.b\n\n' + ''.join(format_exception(raised(error)))
    assert cause_of(text) == 'a.nii: shape: two axes; give three'


def raised(error):
    """Give the error a traceback."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_system_that_refuses_outside_of_nodes_is_told_with_the_folder(tmp_path, monkeypatch):
    configure(log_dir=tmp_path / 'logs')
    workflow = Workflow('wf', base_dir=str(tmp_path / 'work'))

    def refuse(**_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(workflow, 'run', refuse)
    (failure,) = execute(workflow, plugin=SafeMultiProcPlugin({'n_procs': 1}))
    assert failure.cause == f'{tmp_path / "work"}: {FULL}'


@pytest.mark.parametrize('name', ['MultiProc', 'SafeMultiProc'])
def test_plugin_file_overrides_the_defaults(tmp_path, name):
    path = tmp_path / 'plugin.yml'
    path.write_text(f'plugin: {name}\nplugin_args:\n  n_procs: 3\n')
    plugin = plugin_from_file(path, plugin_args={'n_procs': 1, 'memory_gb': 2.5})
    assert type(plugin) is SafeMultiProcPlugin
    assert (plugin.processors, plugin.memory_gb) == (3, 2.5)


def test_plugin_file_takes_nipypes_own(tmp_path):
    path = tmp_path / 'plugin.yml'
    path.write_text('plugin: Linear\n')
    assert type(plugin_from_file(path, plugin_args={})) is LinearPlugin


@pytest.mark.parametrize(
    ('content', 'found'),
    [
        ('plugin: Sluurm', "no plugin 'Sluurm'"),
        ('- a list', 'nothing usable'),
        ('plugin: {', 'while parsing'),
        ('plugin_args: {n_procs: 1}', 'nothing usable'),
        ('plugin: Linear\nplugin_args: 3', 'nothing usable'),
    ],
)
def test_plugin_file_that_cannot_be_used_is_refused(tmp_path, content, found):
    path = tmp_path / 'plugin.yml'
    path.write_text(content)
    with pytest.raises(SettingsError, match=f'plugin.yml: .*{found}'):
        plugin_from_file(path, plugin_args={})


def test_plugin_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r'absent\.yml'):
        plugin_from_file(tmp_path / 'absent.yml', plugin_args={})


def test_configure_names_all_that_nipype_would_do_otherwise(tmp_path):
    log_file = configure(log_dir=tmp_path / 'logs')
    execution = dict(config._sections['execution'])
    assert execution['hash_method'] == 'content'
    assert float(execution['poll_sleep_duration']) == 0.05
    assert execution['check_version'] == 'false'
    assert execution['crashdump_dir'] == str(tmp_path / 'logs')
    assert execution['stop_on_first_crash'] == 'false'
    assert log_file.parent == tmp_path / 'logs'
    assert os.environ['NO_ET']
