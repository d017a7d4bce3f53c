"""qsmnet-bids-slurm on a real Slurm: twelve subjects, one killed for memory, one of bad data."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qsmnet_bids.cli.slurm import main

pytestmark = pytest.mark.slow

RUN = Path(__file__).parents[2] / 'run.py'
SECONDS = 600
N_SUBJECTS = 12
HOG = """
import time
taken = bytearray(1 << 31)
for byte in range(0, len(taken), 4096):
    taken[byte] = 1
time.sleep(20)
"""
APP = """#!/bin/bash
export OMP_NUM_THREADS=1
if [[ "$*" == *'--participant-label 03'*'--mem 1620'* ]]; then
    {python} -c {hog}
    exit 99  # memory is not limited here
fi
exec {python} {run} "$@"
"""


def wait_for(folder):
    """Wait until no job of the folder is in the queue."""
    jobs = (folder / 'state' / 'jobs').read_text().split()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        queue = subprocess.run([folder / 'queue.sh'], capture_output=True, text=True, check=True)
        if not {line.split()[0] for line in queue.stdout.splitlines()} & set(jobs):
            return
        time.sleep(1)
    pytest.fail(f'jobs {jobs} did not end within {SECONDS} s:\n{queue.stdout}')


def submit(folder):
    done = subprocess.run(
        ['bash', folder / 'submit.sh'], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(folder, capsys):
    main(['status', str(folder)])
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split(None, 1) for line in lines[:-1]), lines[-1]


@pytest.fixture
def dataset(raw, tmp_path):
    """Twelve subjects, six of each of two heads."""
    folder = tmp_path / 'raw data'
    shutil.move(raw, folder)
    for number in range(3, N_SUBJECTS + 1):
        new, old = f'{number:02d}', ('02', '01')[number % 2]
        for path in (folder / f'sub-{old}' / 'anat').iterdir():
            copy = folder / f'sub-{new}' / 'anat' / path.name.replace(f'sub-{old}', f'sub-{new}')
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return folder


@pytest.mark.usefixtures('slurm')
def test_whole_way_from_submission_to_group(dataset, tmp_path, capsys):
    bad = dataset / 'sub-04' / 'anat' / 'sub-04_echo-2_part-phase_MEGRE.nii.gz'
    good = bad.read_bytes()
    bad.write_bytes(good[:1000])
    # no space in the last part: where Slurm has no cgroups, it loses sight of processes so named
    app, out = tmp_path / 'my apps' / 'app', tmp_path / 'the output'
    app.parent.mkdir()
    hog = tmp_path / 'hog.py'
    hog.write_text(HOG)
    quoted = {'python': f"'{sys.executable}'", 'run': f"'{RUN}'", 'hog': f'"$(cat \'{hog}\')"'}
    app.write_text(APP.format(**quoted))
    app.chmod(0o755)
    limits = ['--cpus', '1', '--mem', '1800M', '--retry-mem', '6G', '--time', '15']
    work_dir = ['--work-dir', str(tmp_path / 'work'), '--array-size', '8']
    assert main([str(dataset), str(out), '--command', f"'{app}'", *limits, *work_dir]) == 0
    folder = out / 'code' / 'cluster'
    capsys.readouterr()

    assert f'{N_SUBJECTS} subjects to do' in submit(folder)
    second = subprocess.run(['bash', folder / 'submit.sh'], capture_output=True, check=False)
    assert second.returncode == 1, 'what is in the queue is not submitted twice'
    wait_for(folder)

    found, summary = states(folder, capsys)
    assert summary.endswith(f'{N_SUBJECTS - 1} done, 1 failed; group done'), found
    assert 'damaged or cut off' in found['sub-04']
    # the first job of subject 03 was killed for memory, and told so; its second had more
    assert len(list(folder.glob('logs/sub-03.*.log'))) == 2
    assert (folder / 'state' / 'sub-03.started').read_text().split()[2] == '6000'
    told = ''.join(path.read_text() for path in folder.glob('scheduler/*_3.out')).lower()
    assert 'memory' in told or 'oom' in told
    assert (out / 'group_megre.tsv').read_text().count('\nsub-') == N_SUBJECTS - 1

    bad.write_bytes(good)
    before = {
        path: path.stat().st_mtime_ns
        for path in out.glob('sub-*/**/*')
        if 'sub-04' not in path.name
    }
    assert '1 subjects to do' in submit(folder)
    wait_for(folder)
    found, summary = states(folder, capsys)
    assert summary == f'qsmnet-bids-slurm: {N_SUBJECTS} done; group done', found
    assert main(['status', str(folder)]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}, 'the done were left alone'
    assert (out / 'group_megre.tsv').read_text().count('\nsub-') == N_SUBJECTS
