import pytest
import torch

from qsmnet_bids.background.lbv import lbv
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL, B0_DIR = (30, 28, 16), (1.0, 1.1, 2.0), (0.0, 0.6, 0.8)


def ball(radius):
    return coordinates(SHAPE, VOXEL).square().sum(0).sqrt() < radius


def as_total(field, mask):
    return TotalField(field, torch.zeros_like(field), mask, VOXEL, B0_DIR)


def test_a_harmonic_polynomial_is_background():
    x, y, z = coordinates(SHAPE, VOXEL)
    field = 3 + x - 2 * y + x * y - y * z + 0.1 * (x**2 - z**2)  # of its own discrete kind, too
    local = lbv(as_total(field, ball(13.0)))
    assert float(local.field.abs().max()) < 1e-3 * float(field.abs().max())
    assert local.convergence.converged


def test_a_field_that_is_zero_at_the_border_is_local():
    x, y, z = coordinates(SHAPE, VOXEL)
    distance = (x**2 + y**2 + z**2).sqrt()
    field = (1 + 0.1 * x) * (1 - (distance / 8) ** 2).clamp(min=0)
    local = lbv(as_total(field, ball(13.0)))
    assert torch.allclose(local.field, field * local.mask, atol=1e-3)


def test_the_mask_shrinks_by_the_border_and_the_layers_that_are_peeled_off():
    mask = torch.zeros(SHAPE, dtype=torch.bool)
    mask[2:28, 2:26, 2:14] = True
    for peel in (0, 2):
        expected = torch.zeros_like(mask)
        n = peel + 1
        expected[2 + n : 28 - n, 2 + n : 26 - n, 2 + n : 14 - n] = True
        assert torch.equal(lbv(as_total(torch.zeros(SHAPE), mask), peel=peel).mask, expected)


@pytest.mark.parametrize('options', [{'peel': -1}, {'max_iterations': 0}, {'tolerance': -1.0}])
def test_nonsense_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        lbv(as_total(torch.zeros(SHAPE), ball(13.0)), **options)
