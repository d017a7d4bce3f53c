"""The image by Docker or Podman, and by Apptainer; skipped where these are missing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qsmnet_bids.cli import phantom
from tests.containers.hosts import APPTAINER, CONTAINER, IMAGE, SIF, Run, run_container, run_sif


@pytest.fixture(scope='session')
def container() -> Run:
    """Docker or Podman with the image."""
    if not IMAGE:
        pytest.skip('QSMNET_BIDS_TEST_IMAGE names no image; make test-container does')
    if shutil.which(CONTAINER) is None:
        pytest.skip(f'{CONTAINER} is not installed')
    return run_container


@pytest.fixture(scope='session')
def sif() -> Run:
    """Apptainer with the image."""
    if not SIF:
        pytest.skip('QSMNET_BIDS_TEST_SIF names no image; make test-container does')
    if shutil.which(APPTAINER) is None:
        pytest.skip(f'{APPTAINER} is not installed')
    return run_sif


@pytest.fixture(scope='session', params=['container', 'sif'])
def image(request: pytest.FixtureRequest) -> Run:
    """Each of both."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope='session')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make empty folders in which everybody may write."""

    def make(name: str) -> Path:
        path = tmp_path_factory.mktemp(name)
        path.chmod(0o777)
        return path

    return make


@pytest.fixture(scope='session')
def dataset(folder: Callable[[str], Path]) -> Path:
    """A small dataset, owned by whoever runs the tests."""
    raw = folder('in') / 'raw'
    assert phantom.main([str(raw), '--voxel-size', '4', '4', '4']) == 0
    return raw
