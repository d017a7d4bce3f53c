"""The app on a real Slurm, a job for each step: one is cancelled, and the same command goes on."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUN = Path(__file__).parents[2] / 'run.py'
SECONDS = 300
PLUGIN = """
plugin: {name}
plugin_args:
  sbatch_args: --time=30
  steps:
    invert_dipole: --time=20 --mem=1500M
"""


def start(raw, plugin):
    folder = raw.parent
    words = ['--inversion', 'tikhonov', '-w', folder / 'work', '--nipype-plugin-file', plugin]
    return subprocess.Popen(
        [sys.executable, RUN, raw, folder / 'out', 'participant', *words, '--omp-nthreads', '1'],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )


def queue(states):
    words = ['squeue', '--noheader', f'--states={states}', '--format=%i %o']
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return {path: job for job, path in (line.split() for line in lines)}


def cancel(work, step):
    """Cancel the job of a step once it runs."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for path, job in queue('running').items():
            if path.startswith(str(work)) and path.endswith(f'{step}.sh'):
                subprocess.run(['scancel', job], check=True)
                return
        time.sleep(0.5)
    pytest.fail(f'{step} did not run within {SECONDS} s')


def asked(step):
    """Tell what Slurm remembers of the last job of a step."""
    shown = subprocess.run(['scontrol', 'show', 'job'], capture_output=True, text=True, check=True)
    of_step = [job for job in shown.stdout.split('\n\n') if f'{step}.sh' in job]
    found = re.findall(r'(TimeLimit|NumCPUs|MinMemoryNode)=(\S+)', of_step[-1])
    return dict(found)


@pytest.mark.usefixtures('slurm')
@pytest.mark.parametrize('name', ['SLURM', 'SLURMGraph'])
def test_a_cancelled_job_costs_one_run_which_the_same_command_completes(raw, name):
    plugin = raw.parent / 'plugin.yml'
    plugin.write_text(PLUGIN.format(name=name))
    with start(raw, plugin) as app:
        cancel(raw.parent / 'work', 'sub-02_fit_field')
        said, _ = app.communicate(timeout=SECONDS)
    assert app.returncode == 1, said
    assert said.splitlines()[-1] == 'qsmnet-bids: 1/2 runs done'
    (failed,) = [line for line in said.splitlines() if line.startswith('FAILED')]
    assert failed.startswith('FAILED sub-02: fieldmap: fit_field: its job (')
    maps = raw.parent / 'out'
    assert [path.name[:6] for path in maps.glob('sub-*/anat/*_Chimap.nii.gz')] == ['sub-01']
    common = {'TimeLimit': '00:30:00', 'NumCPUs': '1', 'MinMemoryNode': '1G'}
    special = {'TimeLimit': '00:20:00', 'NumCPUs': '1', 'MinMemoryNode': '1500M'}
    assert asked('sub-01_remove_background') == common
    assert asked('sub-01_invert_dipole') == special
    assert not [path for path in queue('all') if path in queue('pending,running')]

    with start(raw, plugin) as app:
        said, _ = app.communicate(timeout=SECONDS)
    assert app.returncode == 0, said
    assert said.splitlines()[-1] == 'qsmnet-bids: 2/2 runs done'
    assert len(list(maps.glob('sub-*/anat/*_Chimap.nii.gz'))) == 2
