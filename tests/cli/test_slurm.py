"""What qsmnet-bids-slurm writes, refuses and tells; tests/cli/test_slurm_jobs.py runs it."""

import shutil
import subprocess

import pytest

from qsmnet_bids.cli.cluster_plan import SCHEDULERS, plan_from_arguments
from qsmnet_bids.cli.cluster_scripts import write_folder
from qsmnet_bids.cli.cluster_status import SubjectState, find_states, status_lines
from qsmnet_bids.cli.slurm import main

FAKES = {
    'slurm': ('sbatch', 'echo "$n;cluster"'),
    'sge': ('qsub', 'echo "$n.1-3:1"'),
    'pbs': ('qsub', 'echo "$n[].server"'),
    'lsf': ('bsub', 'echo "Job <$n> is submitted to queue <normal>."'),
}
"""What each scheduler's command is called and answers; n counts its calls."""
QUEUES = {'slurm': 'squeue', 'sge': 'qstat', 'pbs': 'qstat', 'lsf': 'bjobs'}


@pytest.fixture
def dataset(raw, tmp_path):
    """The dataset in a folder whose name asks for quotes."""
    folder = tmp_path / 'it\'s "my", data $HOME'
    shutil.move(raw, folder)
    return folder


@pytest.fixture
def words(dataset, tmp_path):
    return [str(dataset), str(tmp_path / 'the output'), '--command', 'true']


@pytest.fixture
def folder(words):
    plan = plan_from_arguments(words)
    write_folder(plan, ['01', '02'])
    return plan.folder


def shell(script, folder, path=None):
    done = subprocess.run(
        ['bash', '-c', script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={'PATH': f'{path}:/usr/bin:/bin' if path else '/usr/bin:/bin'},
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def pretend(tmp_path, scheduler, *, queue=''):
    """Make a scheduler that takes jobs and notes how it was called."""
    commands = tmp_path / f'bin-{scheduler}'
    commands.mkdir(exist_ok=True)
    submit, answer = FAKES[scheduler]
    scripts = {
        submit: f'n=$(cat "{commands}/n" 2>/dev/null); echo $((++n)) >"{commands}/n"\n'
        f'printf "%s\\n" "$@" >"{commands}/call-$n"; cat >"{commands}/job-$n"; {answer}\n',
        QUEUES[scheduler]: f'printf "{queue}"\n',
    }
    for name, script in scripts.items():
        (commands / name).write_text(f'#!/bin/bash\n{script}')
        (commands / name).chmod(0o755)
    return commands


def note(folder, name, *, code=None, log='', scheduler_log='', job='7', task='1'):
    """Leave what a task leaves that began, and ended with a code."""
    for part in ('state', 'logs', 'scheduler'):
        (folder / part).mkdir(exist_ok=True)
    (folder / 'logs' / f'{name}.log').write_text(log)
    (folder / 'scheduler' / f'{name}.out').write_text(scheduler_log)
    line = f'{job} {task} 4000 logs/{name}.log scheduler/{name}.out\n'
    (folder / 'state' / f'{name}.started').write_text(line)
    if code is not None:
        (folder / 'state' / f'{name}.ended').write_text(f'{code}\n')


def state_of(folder, *, queue=frozenset()):
    return find_states(folder, queue=queue)[0]


def test_folder_names_the_subjects_and_quotes_paths(words, dataset, tmp_path):
    assert main(words) == 0
    folder = tmp_path / 'the output' / 'code' / 'cluster'
    assert (folder / 'subjects.txt').read_text() == '01\n02\n'
    script = 'source ./settings.sh; printf "%s|" "$bids_dir" "$cpus" "${command_words[@]}"'
    assert shell(script, folder)[1] == f'{dataset}|4|true|'


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


@pytest.mark.parametrize(
    ('code', 'log', 'scheduler_log', 'state', 'said'),
    [(1, 'FAILED sub-01: fieldmap: too dark\n0/1 runs done\n', '', 'failed', 'too dark'),
     (1, 'FAILED sub-01: mask: CUDA out of memory\n', '', 'failed', 'CUDA'),
     (1, 'x was killed, most likely for lack of memory\n', '', 'killed for memory', '4000 MB'),
     (137, '', '', 'killed for memory', '4000 MB'),
     (None, '', 'slurmstepd: error: Detected 1 oom_kill event', 'killed for memory', '4000 MB'),
     (None, '', 'slurmstepd: error: Exceeded job memory limit', 'killed for memory', '4000 MB'),
     (None, '', 'TERM_MEMLIMIT: job killed', 'killed for memory', '4000 MB'),
     (None, '', '=>> PBS: job killed: mem 5kb exceeded limit 4kb', 'killed for memory', ''),
     (143, '', 'CANCELLED AT 2030-01-01 DUE TO TIME LIMIT', 'out of time', '--time'),
     (None, '', '=>> PBS: job killed: walltime 64 exceeded limit 60', 'out of time', '--time'),
     (None, '', '', 'killed', 'without a word'),
     (0, '', '', 'waiting', 'its map is gone'),
     (2, '', '', 'failed', 'it said nothing')],
)  # fmt: skip
def test_status_tells_why(folder, code, log, scheduler_log, state, said):
    note(folder, 'sub-01', code=code, log=log, scheduler_log=scheduler_log)
    found = state_of(folder)
    assert found.state == state
    assert said in found.cause


def test_status_without_a_scheduler_does_not_claim_to_know(folder):
    note(folder, 'sub-01')
    found = state_of(folder, queue=None)
    assert found.state == 'running'
    assert 'no scheduler answers' in found.cause
    assert state_of(folder, queue={('7', '1')}).cause == 'job 7, task 1'
    assert state_of(folder, queue={('7', '*')}).state == 'running'
    assert state_of(folder, queue={('7', '2')}).state == 'killed'


def test_summary_counts_subjects_and_names_the_group():
    states = [SubjectState('sub-1', 'done'), SubjectState('sub-22', 'failed', 'why')]
    lines = list(status_lines([*states, SubjectState('group', 'waiting')]))
    assert lines == [
        'sub-1   done',
        'sub-22  failed: why',
        'group   waiting',
        'qsmnet-bids-slurm: 1 done, 1 failed; group waiting',
    ]


def test_status_command_ends_by_what_it_finds(folder, capsys):
    assert main(['status', str(folder)]) == 1
    assert capsys.readouterr().out.endswith('2 waiting; group waiting\n')


@pytest.mark.parametrize(
    ('extra', 'said'),
    [(['--time', '0'], '--time'), (['--mem', 'much'], '--mem'), (['--gpus', '-1'], '--gpus'),
     (['--cpus', '0'], '--cpus'), (['--array-size', 'x'], '--array-size'),
     (['--image', '/nowhere.sif'], '--image'), (['--scheduler', 'cron'], '--scheduler'),
     (['--mem', '4G', '--retry-mem', '2G'], '--retry-mem'), (['--bind', '/nowhere'], '--bind'),
     (['--participant-label', '77'], '77 not found'), (['--command', '"'], '--command'),
     (['--', '--inversion', 'magic'], '--inversion'), (['--', '--colour'], '--colour'),
     (['--', '-w', 'x'], '--work-dir stands after --'),
     (['--', '--participant-label', '01'], '--participant-label stands after --'),
     (['--folder', '/proc/nothing'], '/proc')],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(words, tmp_path, capsys, extra, said):
    assert main([*words, *extra]) in {1, 2}
    error = capsys.readouterr().err
    assert said in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'the output').exists()


@pytest.mark.parametrize('extra', [[], ['nowhere']])
def test_wrong_status_is_one_clear_line(extra, capsys, tmp_path):
    assert main(['status', *extra]) == 2
    assert main(['status', str(tmp_path)]) == 2
    assert capsys.readouterr().err.count('\n') == 2


def test_folder_of_other_settings_is_not_mixed(folder, words, capsys):
    assert main([*words, '--mem', '32G']) == 0
    note(folder, 'sub-01', code=0)
    (folder / 'setup.sh').write_text('module load mine\n')
    assert main([*words, '--mem', '64G']) == 0, 'limits may change'
    assert (folder / 'setup.sh').read_text() == 'module load mine\n'
    capsys.readouterr()
    assert main([*words, '--', '--inversion', 'tkd']) == 2
    assert 'options differ' in capsys.readouterr().err


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
