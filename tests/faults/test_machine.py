"""Faults of the machine under the whole app: killed processes, full and vanishing disks."""

import os
import random
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from qsmnet_bids.cli.phantom import main as simulate
from tests.bidsio.conftest import Dataset
from tests.faults.app import call, command, content, differences, finish, left_of, start
from tests.faults.breakages import BREAKAGES
from tests.faults.interruptions import interrupt_many

N_MOMENTS = int(os.environ.get('FAULTS_MOMENTS', '0'))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not N_MOMENTS, reason='takes many minutes; FAULTS_MOMENTS=3 or more runs it'
    ),
]
as_root = pytest.mark.skipif(os.getuid() != 0, reason='mounts and network spaces need root')


@pytest.fixture(scope='module')
def bids_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp('dataset') / 'bids'
    assert simulate([str(folder), '--voxel-size', '5', '5', '5', '--subjects', '2']) == 0
    return folder


@pytest.fixture(scope='module')
def whole(tmp_path_factory, bids_dir):
    """Give the output of an undisturbed run of both subjects."""
    folder = tmp_path_factory.mktemp('whole')
    code, text = call(bids_dir, folder / 'out', folder / 'work')
    assert code == 0, text
    return folder / 'out'


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 256 KiB."""
    folder = tmp_path / 'small'
    folder.mkdir()
    words = ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip('mounting is not permitted')
    yield folder
    subprocess.run(['umount', '-l', folder], check=True)


def assert_plain(code, text):
    """A failure in plain sentences."""
    assert code == 1, text
    assert 'Traceback' not in text
    assert text.splitlines()[-1].startswith('qsmnet-bids: ')


def test_interruptions_leave_no_trace(bids_dir, tmp_path):
    words = ['--participant-label', '01']
    counts, faults, n_seen = interrupt_many(bids_dir, tmp_path, words, n_moments=N_MOMENTS)
    assert sum(counts.values()) == N_MOMENTS
    assert n_seen > 10 * N_MOMENTS
    assert faults == []


@pytest.mark.parametrize(
    'name', ['cut at 45% of .nii.gz', 'NaN', 'sidecar cut', 'label with a space', 'no phase']
)
def test_broken_subject_beside_a_sound_one(bids_dir, whole, tmp_path, name):
    raw = tmp_path / 'raw'
    shutil.copytree(bids_dir, raw)
    BREAKAGES[name][0](Dataset(raw))
    code, text = call(raw, tmp_path / 'out', tmp_path / 'work')
    assert_plain(code, text)
    assert '1/2 runs done' in text
    assert differences(content(tmp_path / 'out', '02'), content(whole, '02')) == []


@as_root
@pytest.mark.parametrize('is_output', [True, False])
def test_full_disk(bids_dir, tmp_path, small_disk, is_output):
    out, work = tmp_path / 'out', tmp_path / 'work'
    out, work = (small_disk / 'out', work) if is_output else (out, small_disk / 'work')
    code, text = call(bids_dir, out, work, '--participant-label', '01')
    assert_plain(code, text)
    failed = next(line for line in text.splitlines() if line.startswith('FAILED sub-01: '))
    assert f'{small_disk}/' in failed
    assert 'free some space' in failed
    assert not list(out.rglob('.*.tmp'))


@as_root
def test_output_folder_that_is_read_only(bids_dir, tmp_path, small_disk):
    subprocess.run(['mount', '-o', 'remount,ro', small_disk], check=True)
    code, text = call(bids_dir, small_disk / 'out', tmp_path / 'work')
    assert code in (1, 2)
    assert 'Traceback' not in text
    assert str(small_disk) in text


def test_work_folder_that_vanishes(bids_dir, whole, tmp_path):
    out, work = tmp_path / 'out', tmp_path / 'work'
    process = start(bids_dir, out, work, '--participant-label', '01')
    end = time.monotonic() + 200
    while not list(work.rglob('_0x*.json')) and time.monotonic() < end:
        time.sleep(0.05)
    shutil.rmtree(work, ignore_errors=True)
    text = finish(process)
    assert process.returncode in (0, 1), text
    assert 'Traceback' not in text
    code, text = call(bids_dir, out, work, '--participant-label', '01')
    assert code == 0, text
    assert differences(content(out, '01'), content(whole, '01')) == []


def test_two_runs_on_one_output(bids_dir, whole, tmp_path):
    out = tmp_path / 'out'
    both = [start(bids_dir, out, tmp_path / f'work{n}') for n in range(2)]
    texts = [finish(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert differences(content(out), content(whole)) == []
    assert not list(out.rglob('.*.tmp'))


def test_killed_worker_is_told_plainly_or_tried_again(bids_dir, tmp_path):
    out = tmp_path / 'out'
    process = start(bids_dir, out, tmp_path / 'work')
    worker = first_worker(process.pid)
    assert worker is not None
    worker.kill()
    text = finish(process)
    assert 'Traceback' not in text
    assert process.returncode in (0, 1), text
    if process.returncode:
        assert 'memory' in text
        assert '1/2 runs done' in text
    assert left_of(process.pid) == []


def first_worker(pid):
    """Wait for a process of a node: a child of the fork server."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        try:
            servers = psutil.Process(pid).children()
            workers = [worker for server in servers for worker in server.children()]
        except psutil.NoSuchProcess:
            continue
        if workers:
            return random.Random(3).choice(workers)  # noqa: S311 -- no secret
        time.sleep(0.02)
    return None


@as_root
def test_no_network(bids_dir, whole, tmp_path):
    words = command(bids_dir, tmp_path / 'out', tmp_path / 'work', '--participant-label', '01')
    if subprocess.run(['unshare', '-n', 'true'], check=False).returncode:
        pytest.skip('network spaces are not permitted')
    done = subprocess.run(
        ['unshare', '-n', *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(content(tmp_path / 'out', '01'), content(whole, '01')) == []


BLOCKED = """
import socket
class Blocked(socket.socket):
    def connect(self, address):
        if self.family != socket.AF_UNIX:
            raise SystemExit(f'connects to {address}')
        super().connect(address)
def refuse(*words, **more):
    raise SystemExit(f'resolves {words}')
socket.socket = Blocked
socket.getaddrinfo = socket.create_connection = refuse
"""


def test_nothing_asks_for_the_network(bids_dir, tmp_path):
    (tmp_path / 'sitecustomize.py').write_text(BLOCKED)
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(tmp_path)}
    words = ['--participant-label', '01']
    code, text = call(bids_dir, tmp_path / 'out', tmp_path / 'work', *words, env=environment)
    assert code == 0, text
    assert 'connects to' not in text
    probe = "import socket; socket.getaddrinfo('example.org', 80)"
    done = subprocess.run([sys.executable, '-c', probe], env=environment, check=False)
    assert done.returncode == 1  # the block itself works


JUMPING = """
import time
true_time = time.time
time.time = lambda: true_time() + 3600 * (int(true_time()) % 3 - 1)
"""


def test_clock_that_jumps(bids_dir, whole, tmp_path):
    (tmp_path / 'sitecustomize.py').write_text(JUMPING)
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(tmp_path)}
    words = ['--participant-label', '01']
    code, text = call(bids_dir, tmp_path / 'out', tmp_path / 'work', *words, env=environment)
    assert code == 0, text
    assert differences(content(tmp_path / 'out', '01'), content(whole, '01')) == []


def test_modules_in_the_users_folder_are_not_taken(bids_dir, tmp_path):
    """Workers start by ``python -c``, which would look there first."""
    folder = tmp_path / 'here'
    folder.mkdir()
    for name in ('json', 'torch', 'qsmnet_bids'):
        (folder / f'{name}.py').write_text('from pathlib import Path; Path("taken").touch()')
    words = ['--participant-label', '01']
    code, text = call(bids_dir, tmp_path / 'out', tmp_path / 'work', *words, cwd=folder)
    assert code == 0, text
    assert not (folder / 'taken').exists()


def test_repeated_runs_do_not_grow(bids_dir, tmp_path):
    sizes = []
    for _ in range(3):
        process = start(bids_dir, tmp_path / 'out', tmp_path / 'work', '--participant-label', '01')
        text = finish(process)
        assert process.returncode == 0, text
        assert left_of(process.pid) == []
        files = [path for path in tmp_path.rglob('*') if path.is_file()]
        sizes.append(sum('logs' not in path.parts for path in files))
    assert sizes[1] == sizes[2]
