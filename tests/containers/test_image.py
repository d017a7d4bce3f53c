"""The image of the Dockerfile: labels, size, rights, and that nothing is written elsewhere."""

import json
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.containers.hosts import CONTAINER, IMAGE, TMP, mounts

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('container')]

MAX_GB = 1.8
MADE_BY_THE_HOST = {('/', name) for name in ('data', 'out', 'etc', 'run', 'proc', 'sys', 'dev')}
"""Where Docker and Podman mount or write by themselves."""


def ask(*words):
    return subprocess.run([CONTAINER, *words], capture_output=True, text=True, check=True).stdout


def logs(name):
    done = subprocess.run(
        [CONTAINER, 'logs', name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope='module')
def facts(container):
    del container
    return json.loads(ask('image', 'inspect', IMAGE))[0]


def test_image_says_what_it_is(facts):
    config = facts['Config']
    assert config['Entrypoint'] == ['python', '/opt/qsmnet-bids/run.py']
    labels = config['Labels']
    for name in ('title', 'description', 'licenses', 'base.name', 'revision'):
        assert labels[f'org.opencontainers.image.{name}']
    assert (config.get('Healthcheck') or {}).get('Test', ['NONE']) == ['NONE']


def test_image_is_small(facts):
    assert facts['Size'] < MAX_GB * 1e9


def test_all_may_read_all_of_it_and_nobody_may_change_it(container):
    options = ['--entrypoint', 'find']
    unreadable = ['(', '-type', 'd', '!', '-perm', '-005', ')', '-o',
                  '(', '-type', 'f', '!', '-perm', '-004', ')']  # fmt: skip
    done = container('/opt', *unreadable, options=options)
    assert (done.returncode, done.stdout) == (0, '')
    writable = ['!', '-type', 'l', '-perm', '-002']
    assert container('/opt', *writable, options=options).stdout == ''


def test_scripts_start_too(container):
    done = container('--version', options=['--entrypoint', 'qsmnet-bids'])
    assert (done.returncode, done.stdout[:12]) == (0, 'qsmnet-bids '), done.stderr


def test_files_belong_to_whoever_runs_it(container, folder):
    place = folder('in')
    place.chmod(0o777)
    words = ['phantom', '/in/raw', '--voxel-size', '8', '8', '8']
    assert container(*words, places={'/in': place}, uid=1001).returncode == 0
    assert {path.stat().st_uid for path in place.rglob('*')} == {1001}


def test_limits_of_the_container_are_seen(container):
    program = (
        'from qsmnet_bids.workflows.resources import available_cpus, available_memory_gb\n'
        'print(available_cpus(), available_memory_gb())'
    )
    limits = ['--memory', '2g', '--cpus', '1', '--entrypoint', 'python']
    done = container('-c', program, options=limits)
    assert (done.returncode, done.stdout) == (0, '1 2.0\n'), done.stderr


@pytest.fixture
def named():
    """Name of a container that is removed at the end."""
    name = f'qsmnet-bids-{uuid.uuid4()}'
    yield name
    subprocess.run([CONTAINER, 'rm', '--force', name], capture_output=True, check=False)


def test_stopping_it_ends_the_app_as_promised(dataset, folder, named):
    out = folder('out')
    ask('run', '--detach', '--name', named, '--network', 'none', '--user', '1001',
        *mounts('-v', {'/data:ro': dataset, '/out': out}), IMAGE,
        '/data', '/out', 'participant', '--work-dir', '/out/work', '-v')  # fmt: skip
    for _ in range(120):
        if 'methods' in logs(named):
            break
        time.sleep(1)
    ask('stop', '-t', '100', named)
    assert ask('inspect', '--format', '{{.State.ExitCode}}', named).strip() == '143'
    assert 'ended by SIGTERM' in logs(named)
    assert list(out.rglob('*_Chimap.nii.gz')) == []


def test_nothing_is_written_elsewhere_even_where_all_might_be(dataset, folder, named):
    places = {'/data:ro': dataset, '/out': folder('out')}
    ask('run', '--name', named, '--network', 'none', '--user', '0', *mounts('-v', places), IMAGE,
        '/data', '/out', 'participant', '--inversion', 'deepqsm',
        '--work-dir', '/out/work')  # fmt: skip
    listed = ask('container', 'diff', named)
    written = {line.split(maxsplit=1)[1] for line in listed.splitlines()}
    ours = {path for path in written if Path(path).parts[:2] not in MADE_BY_THE_HOST}
    assert ours <= {TMP}, 'only the time of the temporary folder, which is left empty, may change'
