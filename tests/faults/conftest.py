"""A dataset of two subjects to break, and one that must not notice."""

import shutil
from pathlib import Path

import pytest

from qsmnet_bids.bidsio.preflight import Preflight, check
from qsmnet_bids.bidsio.query import find_runs
from tests.bidsio.conftest import Dataset


@pytest.fixture(scope='session')
def sound(tmp_path_factory) -> Dataset:
    """Give the dataset before it is broken."""
    made = Dataset(tmp_path_factory.mktemp('sound') / 'raw')
    for subject in ('01', '02', '03'):
        made.add_run(f'sub-{subject}')
    return made


@pytest.fixture(scope='session')
def undisturbed(sound) -> Preflight:
    """Give what is said of the dataset before it is broken, at the place of the copies."""
    place = place_of_copies(sound)
    shutil.copytree(sound.root, place)
    return check(find_runs(place), bids_dir=place)


@pytest.fixture
def dataset(sound) -> Dataset:
    """Give a copy to break."""
    place = place_of_copies(sound)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(sound.root, place)
    return Dataset(place)


def place_of_copies(sound: Dataset) -> Path:
    return sound.root.with_name('broken')
