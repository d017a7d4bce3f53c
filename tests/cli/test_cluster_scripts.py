"""What the written scripts do: submit, process one subject, start the image."""

import shutil
import subprocess

import pytest

from qsmnet_bids.cli.cluster_plan import SCHEDULERS, plan_from_arguments
from qsmnet_bids.cli.cluster_scripts import write_folder
from qsmnet_bids.cli.cluster_status import SubjectState, find_states
from qsmnet_bids.cli.slurm import main
from tests.cli.clusters import note, pretend, shell


@pytest.mark.parametrize('scheduler', SCHEDULERS)
def test_scripts_are_sound(words, tmp_path, scheduler):
    folder = tmp_path / scheduler
    assert main([*words, '--scheduler', scheduler, '--folder', str(folder)]) == 0
    scripts = sorted(map(str, folder.glob('*.sh')))
    for script in scripts:
        subprocess.run(['bash', '-n', script], check=True)
    shellcheck = shutil.which('shellcheck')
    if shellcheck is not None:
        subprocess.run([shellcheck, '-x', *scripts], cwd=folder, check=True)


@pytest.mark.parametrize('scheduler', SCHEDULERS)
def test_submit_makes_arrays_their_retries_and_the_group(words, tmp_path, scheduler):
    folder, commands = tmp_path / 'my scripts', pretend(tmp_path, scheduler)
    limits = ['--cpus', '2', '--mem', '4G', '--time', '90', '--gpus', '1', '--array-size', '1']
    more = ['--folder', str(folder), '--max-running', '3', '--submit-option=-A my account']
    assert main([*words, '--scheduler', scheduler, *limits, *more]) == 0
    code, _, said = shell('./submit.sh', folder, commands)
    assert code == 0, said
    calls = [(commands / f'call-{n}').read_text() for n in range(1, 6)]
    assert not (commands / 'call-6').exists()
    suffix = '[].server' if scheduler == 'pbs' else ''
    jobs = (folder / 'state' / 'jobs').read_text().split()
    assert jobs == [f'{n}{suffix}' for n in range(1, 6)]
    separator = {'slurm': ':', 'pbs': ':', 'sge': ',', 'lsf': ') && ended('}[scheduler]
    assert f'2{suffix}{separator}4{suffix}' in calls[-1], 'the group waits for both retries'
    amounts = {'sge': ('2000', '4000')}.get(scheduler, ('4000', '8000'))
    for first, retry, amount in ((0, 1, amounts[0]), (1, 0, amounts[1])):
        assert amount in calls[first]
        assert amount not in calls[retry]
    assert all('-A my account\n' in call for call in calls)
    job = (commands / 'job-2').read_text()
    assert job.startswith('#!/bin/bash\n')
    assert job.rstrip().endswith(' 8000')


def test_submit_leaves_out_the_done_and_refuses_while_jobs_remain(folder, tmp_path):
    note(folder, 'sub-01', code=0)
    (tmp_path / 'the output' / 'sub-01').mkdir()
    (tmp_path / 'the output' / 'sub-01' / 'sub-01_Chimap.json').write_text('{}')
    commands = pretend(tmp_path, 'slurm', queue='2 N/A\\n')
    assert shell('./submit.sh', folder, commands)[0] == 0
    (waiting,) = (folder / 'state').glob('list-*')
    assert waiting.read_text() == '02\n'
    code, _, said = shell('./submit.sh', folder, commands)
    assert (code, 'job 2 of this folder is still in the queue' in said) == (1, True)
    assert (folder / 'state' / 'jobs').read_text().split() == ['1', '2', '3']


def test_failing_scheduler_is_told_and_no_job_is_forgotten(folder, tmp_path):
    commands = pretend(tmp_path, 'slurm')
    script = (commands / 'sbatch').read_text()
    (commands / 'sbatch').write_text(f'{script}[ $n -lt 2 ] || {{ echo no >&2; exit 1; }}\n')
    code, _, said = shell('./submit.sh', folder, commands)
    assert code != 0
    assert 'no' in said
    assert (folder / 'state' / 'jobs').read_text().split() == ['1']


@pytest.fixture
def task(dataset, tmp_path):
    """Run a task as Slurm would, with a command that does as it is told."""
    app = tmp_path / 'my app'
    app.write_text('#!/bin/bash\nprintf "%s\\n" "$@" >"$2/words"\neval "$(cat "$2/do")"\n')
    app.chmod(0o755)
    out = tmp_path / 'out put'
    out.mkdir()
    assert main([str(dataset), str(out), '--command', f"'{app}'", '--work-dir', str(out / 'w'),
                 '--', '--inversion', 'tkd', '--set', 'tkd.threshold=0.1']) == 0  # fmt: skip
    folder = out / 'code' / 'cluster'
    for part in ('state', 'logs', 'scheduler'):
        (folder / part).mkdir()
    (folder / 'state' / 'list').write_text('01\n02\n')
    variables = 'export SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_JOB_ID=9 SLURM_JOB_ID=11'

    def run(do, before=''):
        (out / 'do').write_text(do)
        return shell(f'{variables}; {before} exec bash task.sh state/list 4000', folder)[0]

    return folder, out, run


def test_task_processes_its_subject_once(task, dataset):
    folder, out, run = task
    done = f'mkdir -p "{out}/sub-02"; touch "{out}/sub-02/sub-02_Chimap.json"'
    assert run('exit 3') == 3
    assert (folder / 'state' / 'sub-02.ended').read_text() == '3\n'
    assert run(f'echo hello; {done}') == 0
    given = (out / 'words').read_text().splitlines()
    assert given == [
        str(dataset), str(out), 'participant', '--participant-label', '02', '--work-dir',
        f'{out}/w/sub-02', '--nprocs', '4', '--mem', '3600', '--inversion', 'tkd', '--set',
        'tkd.threshold=0.1',
    ]  # fmt: skip
    assert (folder / 'logs' / 'sub-02.9_2.log').read_text() == 'hello\n'
    assert find_states(folder, queue=set())[1] == SubjectState('sub-02', 'done')
    assert run('exit 3') == 0, 'the second task finds it done'
    shutil.rmtree(out / 'sub-02')
    assert run('exit 3') == 3, 'a result that is gone is made again'


def test_killed_task_leaves_no_end(task):
    folder, _, run = task
    assert run('kill -KILL $PPID; sleep 0.1') != 0
    assert not (folder / 'state' / 'sub-02.ended').exists()
    states = find_states(folder, queue=set())
    assert (states[0].state, states[1].state) == ('waiting', 'killed')
    assert find_states(folder, queue={('9', '2')})[1].state == 'running'


def test_task_that_is_asked_to_end_hands_it_on_and_notes_the_end(task):
    folder, _, run = task
    waits = 'trap "exit 143" TERM; for i in $(seq 100); do sleep 0.1; done'
    ends = '(sleep 1; kill -TERM $(cat pid)) & echo $$ >pid;'
    assert run(waits, before=ends) == 143
    assert (folder / 'state' / 'sub-02.ended').read_text() == '143\n'


def test_two_tasks_never_process_one_subject(task):
    folder, _, run = task
    assert run('exit 0', before='exec 8>state/sub-02.lock; flock 8;') == 1
    assert not (folder / 'state' / 'sub-02.started').exists()


def test_image_sees_what_the_options_name(dataset, tmp_path):
    image = tmp_path / 'my image.sif'
    image.touch()
    masks = tmp_path / 'masks'
    masks.mkdir()
    plan = plan_from_arguments([
        str(dataset), str(tmp_path / 'out, put'), '--image', str(image), '--gpus', '1',
        '--folder', str(tmp_path / 'scripts'), '--', '-d', f'm={masks}', '--mask', 'brain',
    ])  # fmt: skip
    assert plan.binds == (masks,)
    write_folder(plan, ['01'])
    commands = tmp_path / 'bin'
    commands.mkdir()
    (commands / 'apptainer').write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    (commands / 'apptainer').chmod(0o755)
    script = 'source ./settings.sh; source ./common.sh; (app a "b c")'
    code, said, _ = shell(script, plan.folder, commands)
    lines = said.splitlines()
    quoted = str(dataset).replace('"', '""')
    assert code == 0
    assert f'type=bind,"source={quoted}","destination={quoted}",ro' in lines
    assert f'type=bind,"source={tmp_path}/out, put","destination={tmp_path}/out, put"' in lines
    assert lines[-4:] == ['--nv', str(image), 'a', 'b c']


def test_missing_container_program_is_said(folder):
    script = 'PATH=; source ./settings.sh; source ./common.sh; image=x; (app a)'
    code, _, said = shell(script, folder)
    assert (code, 'load its module in setup.sh' in said) == (127, True)
