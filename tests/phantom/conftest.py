import pytest

from qsmnet_bids.phantom.brain import BrainPhantom, brain_phantom
from qsmnet_bids.phantom.field import Fields, fields

COARSE = (4.0, 4.0, 4.0)


@pytest.fixture(scope='session')
def head() -> BrainPhantom:
    return brain_phantom(voxel_size=COARSE, seed=3)


@pytest.fixture(scope='session')
def head_fields(head: BrainPhantom) -> Fields:
    return fields(head)
