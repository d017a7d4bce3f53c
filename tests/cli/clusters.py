"""For the cluster scripts: a shell, schedulers that only take notes, and what a task leaves."""

import subprocess

FAKES = {
    'slurm': ('sbatch', 'echo "$n;cluster"'),
    'sge': ('qsub', 'echo "$n.1-3:1"'),
    'pbs': ('qsub', 'echo "$n[].server"'),
    'lsf': ('bsub', 'echo "Job <$n> is submitted to queue <normal>."'),
}
"""What each scheduler's command is called and answers; n counts its calls."""
QUEUES = {'slurm': 'squeue', 'sge': 'qstat', 'pbs': 'qstat', 'lsf': 'bjobs'}


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
