"""Each step as a job: what it asks for, and what becomes of those that leave no result.

The Slurm here runs each job where it is submitted; tests/cli/test_slurm_nodes.py has a real one.
"""

import os
import subprocess
from pathlib import Path

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.errors import QsmError, SettingsError
from qsmnet_bids.workflows import slurm_jobs, slurm_queue
from qsmnet_bids.workflows.execution import configure, execute, plugin_from_file, tells_what_ends
from qsmnet_bids.workflows.slurm import SlurmGraphPlugin, SlurmPlugin

running = pytest.mark.filterwarnings('ignore::DeprecationWarning')
SBATCH = """#!/bin/bash
# runs the job at once, unless one that it depends upon has failed
place={place}
job=$(($(cat $place/n 2>/dev/null || echo 0) + 1)); echo $job >$place/n
echo "$*" >>$place/calls
while [ $# -gt 0 ]; do
    case $1 in
        --parsable) parsable=1 ;;
        --job-name=*) name=${{1#*=}} ;;
        -J) name=$2; shift ;;
        -o | -e) shift ;;
        --dependency=afterok:*)
            for before in $(tr : ' ' <<<"${{1#*:}}"); do
                [ -e $place/failed-$before ] && lost=1
            done ;;
        *) script=$1 ;;
    esac
    shift
done
if [ -n "$lost" ] || ! SLURM_JOB_ID=$job SLURM_JOB_NAME=$name bash "$script" >$place/$job.log 2>&1
then touch $place/failed-$job; fi
if [ -n "$parsable" ]; then echo $job; else echo "Submitted batch job $job"; fi
"""
REFUSING = '#!/bin/bash\necho "sbatch: error: Invalid account" >&2\nexit 1\n'
WORK = """
def work(after=None, fails=False, dies=False):
    import os
    if dies:
        os.kill(os.getpid(), 9)
    if fails:
        raise ValueError('the sky fell')
    return os.getpid()
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Commands of a Slurm that has nothing in its queue."""
    place = tmp_path / 'slurm'
    place.mkdir()
    for name, text in {
        'sbatch': SBATCH.format(place=place),
        'squeue': '#!/bin/bash\n',
        'scontrol': '#!/bin/bash\necho "   JobState=OUT_OF_MEMORY Reason=OutOfMemory"\n',
        'scancel': f'#!/bin/bash\necho "$*" >>{place}/cancelled\n',
    }.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    monkeypatch.setenv('PATH', f'{place}:{os.environ["PATH"]}')
    monkeypatch.setattr(slurm_queue, 'POLL_SECONDS', 0.05)
    return place


@pytest.fixture
def workflow(tmp_path):
    configure(log_dir=tmp_path / 'logs')
    return Workflow('wf', base_dir=str(tmp_path / 'work'))


def node(name, *, mem_gb=0.2, n_procs=1, **inputs):
    made = Node(
        Function(function=WORK, output_names=['out']), name=name, mem_gb=mem_gb, n_procs=n_procs
    )
    made.inputs.trait_set(**inputs)
    return made


def chain(workflow, *, culprit):
    """Two pairs of nodes, one after the other; ask something special of the first of a pair."""
    first, heir = node('mask_run', **culprit), node('fit_field', mem_gb=4.0, n_procs=3)
    other, second = node('draw_figures'), node('remove_background')
    workflow.connect([(first, heir, [('out', 'after')]), (other, second, [('out', 'after')])])


def make(kind, **arguments):
    calls = []
    arguments['status_callback'] = lambda each, what: calls.append((each.name, what))
    return kind(arguments), calls


PLUGINS = pytest.mark.parametrize('kind', [SlurmPlugin, SlurmGraphPlugin])


@running
@pytest.mark.slow
@PLUGINS
def test_each_step_is_a_job_with_memory_and_time_of_its_own(slurm, workflow, kind):
    chain(workflow, culprit={})
    plugin, calls = make(
        kind, sbatch_args='--time=60', steps={'remove_background': '--time=90 --gres=gpu:1'}
    )
    assert execute(workflow, plugin=plugin) == []
    jobs = (slurm / 'calls').read_text().splitlines()
    asked = {name: next(job for job in jobs if f'{name}.sh' in job) for name, _ in calls}
    assert set(asked) == {'mask_run', 'fit_field', 'draw_figures', 'remove_background'}
    assert all('--time=60' in job for job in jobs)
    assert '--mem=1024M --cpus-per-task=1' in asked['mask_run']
    assert '--mem=5120M --cpus-per-task=3' in asked['fit_field']
    assert '--time=90 --gres=gpu:1' in asked['remove_background'].partition('--time=60')[2]
    assert sorted(calls) == sorted((name, what) for name in asked for what in ('start', 'end'))


@running
@pytest.mark.slow
@PLUGINS
def test_a_job_without_a_result_costs_its_own_run_only(slurm, workflow, kind):
    chain(workflow, culprit={'dies': True})
    plugin, calls = make(kind)
    (failure,) = execute(workflow, plugin=plugin)
    assert (failure.run, failure.step) == ('wf', 'mask_run')
    assert 'ended without a result' in failure.cause
    assert 'the same command goes on' in failure.cause
    if kind is SlurmPlugin:
        assert 'OUT_OF_MEMORY' in failure.cause
    assert {name for name, what in calls if what == 'end'} == {'draw_figures', 'remove_background'}
    assert ('mask_run', 'exception') in calls
    assert not (slurm / 'cancelled').exists()


@running
@pytest.mark.slow
@PLUGINS
@pytest.mark.usefixtures('slurm')
def test_an_exception_is_told_as_ever(workflow, kind):
    chain(workflow, culprit={'fails': True})
    (failure,) = execute(workflow, plugin=make(kind)[0])
    assert (failure.step, failure.cause) == ('mask_run', 'ValueError: the sky fell')


@running
@PLUGINS
def test_what_sbatch_refuses_is_told_in_its_words(slurm, workflow, kind):
    (slurm / 'sbatch').write_text(REFUSING)
    chain(workflow, culprit={})
    plugin = make(kind, max_tries=0)[0]
    (failure,) = execute(workflow, plugin=plugin)
    assert (failure.step, failure.cause[:15]) == ('workflow', 'sbatch refused:')
    assert 'Invalid account' in failure.cause


@running
@PLUGINS
@pytest.mark.usefixtures('slurm')
@pytest.mark.parametrize(
    ('steps', 'said'),
    [({'invert_dipol': ''}, "no step is called 'invert_dipol'"), (['x'], 'lines')],
)
def test_a_step_that_there_is_not_is_refused(workflow, kind, steps, said):
    chain(workflow, culprit={})
    (failure,) = execute(workflow, plugin=make(kind, steps=steps)[0])
    assert said in failure.cause


@running
@PLUGINS
def test_an_interrupted_run_leaves_no_job(slurm, workflow, kind, monkeypatch):
    chain(workflow, culprit={})
    script = f'{workflow.base_dir}/wf/batch/batchscript_pyscript_'
    (slurm / 'squeue').write_text(f'#!/bin/bash\necho 1 $(ls {script}*mask_run.sh)\n')

    def interrupt(_plugin, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(slurm_queue.Queue, 'holds', interrupt)
    monkeypatch.setattr(SlurmGraphPlugin, '_wait', interrupt)
    with pytest.raises(KeyboardInterrupt):
        execute(workflow, plugin=make(kind)[0])
    assert '1' in (slurm / 'cancelled').read_text().split()


@pytest.mark.parametrize(
    ('common', 'steps', 'expected'),
    [
        ('', {}, '--mem=2560M --cpus-per-task=4'),
        ('--mem=8G', {}, '--cpus-per-task=4'),
        ('-p short -c 2', {}, '--mem=2560M'),
        ('', {'fit_field': '--time=5'}, '--mem=2560M --cpus-per-task=4 --time=5'),
        ('--mem=8G -c 2', {'mask_run': '--time=5'}, ''),
    ],
)
def test_what_is_said_for_all_jobs_wins_over_the_estimate(common, steps, expected):
    for name in ('fit_field', 'fit_field_2'):  # the second is of another orientation
        made = node(name, mem_gb=2.0, n_procs=4)
        assert slurm_jobs.arguments_of(made, common=common, steps=steps) == expected


@pytest.mark.parametrize('folder', ['my work', "it's", 'a$b', 'x(1)'])
def test_paths_that_nipype_would_not_quote_are_refused(folder):
    with pytest.raises(SettingsError, match='do not quote'):
        slurm_jobs.check_paths([Path('/data') / folder])
    slurm_jobs.check_paths([Path('/data/sub-01+x_a.b')])


@pytest.mark.parametrize(
    ('command', 'expected'), [('true', 0), ('exit 7', 7), ('kill -TERM $$; sleep 1', 143)]
)
def test_a_job_notes_its_exit_code(tmp_path, command, expected):
    template = slurm_jobs.template_with_end('#!/bin/bash\n', folder=tmp_path, name='$JOB')
    environment = {**os.environ, 'JOB': '17'}
    subprocess.run(['bash', '-c', f'{template}\n{command}'], check=False, env=environment)
    assert slurm_jobs.exit_code(tmp_path, '17') == expected
    assert slurm_jobs.exit_code(tmp_path, '18') is None


def test_the_queue_is_asked_once_in_a_while(slurm):
    (slurm / 'squeue').write_text(f'#!/bin/bash\necho >>{slurm}/asked; echo "7 /a b.sh"\n')
    queue = slurm_queue.Queue()
    queue.add(8)
    assert queue.holds(7)
    assert not queue.holds(6)
    queue.add(8)
    assert queue.holds(8), 'it was submitted after Slurm was asked'
    assert queue.of_scripts({'/a b.sh'}) == ['7']
    assert len((slurm / 'asked').read_text()) == 1


def test_a_slurm_that_does_not_answer_is_waited_for_and_then_given_up(slurm, monkeypatch):
    (slurm / 'squeue').write_text('#!/bin/bash\nexit 1\n')
    queue = slurm_queue.Queue()
    assert queue.holds(7), 'nothing is known of it'
    assert queue.of_scripts({'/a.sh'}) is None
    monkeypatch.setattr(slurm_queue, 'SILENCE_SECONDS', 0.0)
    monkeypatch.setattr(slurm_queue, 'POLL_SECONDS', 0.0)
    with pytest.raises(QsmError, match='Slurm does not answer'):
        queue.holds(7)


def test_without_sbatch_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(QsmError, match='sbatch is not there'):
        slurm_queue.submit(['job.sh'], n_tries=1, pause=0.0)


@pytest.mark.parametrize(
    ('name', 'kind'), [('SLURM', SlurmPlugin), ('SLURMGraph', SlurmGraphPlugin)]
)
def test_a_plugin_file_names_them_as_nipype_does(tmp_path, name, kind):
    path = tmp_path / 'plugin.yml'
    path.write_text(f'plugin: {name}\nplugin_args: {{sbatch_args: --time=5, max_jobs: 7}}\n')
    plugin = plugin_from_file(path, plugin_args={'n_procs': 1})
    assert type(plugin) is kind
    assert tells_what_ends(plugin)
    assert plugin.plugin_args['sbatch_args'] == '--time=5'
    path.write_text('plugin: SGEGraph\n')
    assert not tells_what_ends(plugin_from_file(path, plugin_args={}))
