import pytest
import torch

from qsmnet_bids.background.harmonics import harmonics, solid_harmonics
from qsmnet_bids.solvers.poisson import negative_laplacian
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL, B0_DIR = (26, 24, 14), (1.0, 1.0, 1.8), (0.0, 0.6, 0.8)


def ball(radius):
    return coordinates(SHAPE, VOXEL).square().sum(0).sqrt() < radius


def test_there_is_one_function_for_each_degree_and_order():
    x, y, z = torch.randn(3, 200, generator=torch.Generator().manual_seed(1)).double()
    functions = solid_harmonics(x, y, z, 6)
    assert functions.shape == (49, 200)
    assert int(torch.linalg.matrix_rank(functions)) == 49


def test_the_functions_are_harmonic():
    size = (0.01, 0.01, 0.01)
    x, y, z = (coordinates((5, 5, 5), size).double() + 0.4).unbind(0)
    for function in solid_harmonics(x, y, z, 6):
        laplacian = negative_laplacian(function, size)[2, 2, 2]
        bend = function.abs().max() / 0.4**2
        assert abs(float(laplacian)) < 0.05 * float(bend)


def test_a_field_of_low_order_is_removed_and_one_of_higher_order_is_not():
    x, y, z = coordinates(SHAPE, VOXEL) - 5  # the middle of the mask is elsewhere
    field = 2 - x + x * y * z + (x**2 - y**2) * z
    total = TotalField(field, torch.zeros(SHAPE), ball(11.0), VOXEL, B0_DIR)
    assert float(harmonics(total, order=3).field.abs().max()) < 1e-4 * float(field.abs().max())
    assert float(harmonics(total, order=2).field.norm()) > 0.05 * float(field.norm())


def test_noisy_voxels_count_for_less(generator):
    mask = ball(11.0)
    x = coordinates(SHAPE, VOXEL)[0]
    wrong = torch.rand(SHAPE, generator=generator) < 0.1
    noise = torch.where(wrong, 100.0, 1.0)
    total = TotalField(x + 50 * wrong, noise, mask, VOXEL, B0_DIR)
    right = mask & ~wrong
    assert float(harmonics(total, order=2).field[right].abs().max()) < 0.05


def test_a_mask_with_fewer_voxels_than_functions_leaves_nothing():
    mask = torch.zeros(SHAPE, dtype=torch.bool)
    mask[5:7, 5:7, 5] = True
    x = coordinates(SHAPE, VOXEL)[0]
    local = harmonics(TotalField(x, torch.zeros(SHAPE), mask, VOXEL, B0_DIR), order=4)
    assert float(local.field.abs().max()) < 1e-3


@pytest.mark.parametrize('order', [-1, 13])
def test_nonsense_is_refused(order):
    total = TotalField(torch.zeros(SHAPE), torch.zeros(SHAPE), ball(9.0), VOXEL, B0_DIR)
    with pytest.raises(ValueError, match='order'):
        harmonics(total, order=order)
