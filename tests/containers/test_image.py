"""The image as the strictest host runs it: ``make test-container`` builds it and calls this.

Read-only root, no network, no capability, a user that the image does not know, input that cannot
be written to, and a small temporary folder in memory.
"""

import json
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow

IMAGE = os.environ.get('QSMNET_BIDS_TEST_IMAGE', '')
PROGRAM = os.environ.get('QSMNET_BIDS_TEST_CONTAINER') or 'docker'
MAX_GB = 2.5
TMP = '/tmp'  # noqa: S108 -- the container's own


@pytest.fixture(scope='module', autouse=True)
def _image():
    if not IMAGE:
        pytest.skip('QSMNET_BIDS_TEST_IMAGE names no image; make test-container does')
    if shutil.which(PROGRAM) is None:
        pytest.skip(f'{PROGRAM} is not installed')


def inspect():
    done = subprocess.run([PROGRAM, 'image', 'inspect', IMAGE], capture_output=True, check=True)
    return json.loads(done.stdout)[0]


def run(*words, options=(), uid=54321):
    strict = ['--rm', '--pull', 'never', '--network', 'none', '--read-only', '--cap-drop', 'all',
              '--security-opt', 'no-new-privileges', '--user', f'{uid}:{uid}',
              '--tmpfs', f'{TMP}:rw,size=64m,mode=1777']  # fmt: skip
    if 'podman' in PROGRAM:
        strict.append('--read-only-tmpfs=false')  # as Docker has it
    return subprocess.run(
        [PROGRAM, 'run', *strict, *options, IMAGE, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """A dataset that the image simulated, and an empty folder for what it makes of it."""
    root = tmp_path_factory.mktemp('image')
    for name in ('in', 'out'):
        (root / name).mkdir()
        (root / name).chmod(0o777)
    done = run(
        'phantom', '/in/raw', '--voxel-size', '4', '4', '4', options=['-v', f'{root}/in:/in']
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_image_says_what_it_is():
    config = inspect()['Config']
    assert config['Entrypoint'] == ['python', '/opt/qsmnet-bids/run.py']
    labels = config['Labels']
    for name in ('title', 'description', 'licenses', 'base.name', 'revision'):
        assert labels[f'org.opencontainers.image.{name}']
    assert (config.get('Healthcheck') or {}).get('Test', ['NONE']) == ['NONE']


def test_image_is_small():
    assert inspect()['Size'] < MAX_GB * 1e9


def test_all_may_read_all_of_it():
    options = ['--entrypoint', 'find']
    unreadable = ['(', '-type', 'd', '!', '-perm', '-005', ')', '-o',
                  '(', '-type', 'f', '!', '-perm', '-004', ')']  # fmt: skip
    done = run('/opt', *unreadable, options=options)
    assert (done.returncode, done.stdout) == (0, '')
    writable = ['!', '-type', 'l', '-perm', '-002']
    assert run('/opt', *writable, options=options).stdout == ''


@pytest.mark.parametrize('command', ['phantom', 'stage', 'slurm', 'train'])
def test_other_commands_are_inside(command):
    done = run(command, '--help')
    assert (done.returncode, command in done.stdout) == (0, True), done.stdout + done.stderr


def test_without_arguments_it_helps():
    done = run()
    assert (done.returncode, done.stdout.startswith('usage: qsmnet-bids')) == (0, True)


@pytest.mark.parametrize(('inversion', 'uid'), [('tkd', 54321), ('deepqsm', 1001)])
def test_app_runs_as_anybody_and_writes_only_where_it_may(folders, inversion, uid):
    out = folders / 'out' / inversion
    out.mkdir()
    out.chmod(0o777)
    mounts = ['-v', f'{folders}/in/raw:/data:ro', '-v', f'{out}:/out']
    done = run('/data', '/out', 'participant', 'group', '--work-dir', '/out/work', '--inversion',
               inversion, options=mounts, uid=uid)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / 'group.html').is_file()
    (sidecar,) = out.glob('sub-01/anat/*_Chimap.json')
    assert inversion in sidecar.name
    description = json.loads((out / 'dataset_description.json').read_text())
    assert 'docker' in json.dumps(description['GeneratedBy'])
    assert sidecar.stat().st_uid in {uid, os.getuid()} or 'podman' in PROGRAM


def test_input_that_cannot_be_written_to_is_left_alone(folders):
    mounts = ['-v', f'{folders}/in/raw:/data:ro']
    done = run('/data', '/data/derivatives/x', 'participant', '-w', f'{TMP}/work', options=mounts)
    assert done.returncode not in {0, 139}
    assert 'Traceback' not in done.stdout + done.stderr
