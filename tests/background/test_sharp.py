import pytest
import torch

from qsmnet_bids.background.sharp import sharp
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL = (40, 40, 40), (1.0, 1.0, 1.0)


@pytest.fixture
def distance():
    return coordinates(SHAPE, VOXEL).square().sum(0).sqrt()


def as_total(field, mask):
    return TotalField(field, torch.zeros_like(field), mask, VOXEL, (0.0, 0.0, 1.0))


def test_a_field_that_ends_within_the_mask_comes_back(distance):
    # a wave in a window that is zero beyond 8 mm, where spheres of 3 mm around it all fit
    x, y, z = coordinates(SHAPE, VOXEL)
    field = torch.cos(2 * x + y) * torch.cos(0.1 * z) * (1 - (distance / 8) ** 2).clamp(min=0) ** 2
    local = sharp(as_total(field, distance < 18), radius=3.0, threshold=0.0)
    inside = local.mask
    assert float((local.field - field)[inside].norm()) < 0.05 * float(field.norm())


def test_the_mask_shrinks_by_the_radius(distance):
    known = sharp(as_total(torch.zeros(SHAPE), distance < 18), radius=5.0).mask
    assert known[distance < 12].all()
    assert not known[distance > 13.5].any()


@pytest.mark.parametrize('options', [{'threshold': 1.0}, {'threshold': -0.1}, {'radius': 0.0}])
def test_nonsense_is_refused(options, distance):
    with pytest.raises(ValueError, match=next(iter(options))):
        sharp(as_total(torch.zeros(SHAPE), distance < 18), **options)
