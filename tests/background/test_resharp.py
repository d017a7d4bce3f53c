import pytest
import torch

from qsmnet_bids.background.deviation import deviation
from qsmnet_bids.background.resharp import resharp
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL = (12, 11, 8), (1.0, 1.0, 1.5)


def noisy_total(generator):
    mask = coordinates(SHAPE, VOXEL).square().sum(0).sqrt() < 5.0
    field = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    return TotalField(field, torch.zeros_like(field), mask, VOXEL, (0.0, 0.0, 1.0))


def test_it_is_the_minimum_of_what_it_minimises(generator):
    total, alpha = noisy_total(generator), 0.02
    local = resharp(total, radius=2.5, alpha=alpha, tolerance=1e-9)

    start = deviation(total, radius=2.5)
    n = int(start.known.sum())
    # columns of E C, one a voxel of the mask
    voxels = start.region.mask.nonzero()
    matrix = torch.empty(n, len(voxels), dtype=torch.float64)
    for column, voxel in enumerate(voxels):
        unit = torch.zeros(start.region.shape, dtype=torch.float64)
        unit[tuple(voxel)] = 1
        matrix[:, column] = convolve(unit, start.sharpness)[start.known]
    field = start.region.field[start.region.mask]
    normal = matrix.T @ matrix + alpha * torch.eye(len(voxels), dtype=torch.float64)
    expected = torch.zeros(start.region.shape, dtype=torch.float64)
    expected[start.region.mask] = torch.linalg.solve(normal, matrix.T @ (matrix @ field))

    assert torch.allclose(local.field[local.mask], expected[start.known], atol=1e-6)
    assert local.convergence.converged


def test_the_mask_shrinks_by_the_radius():
    shape, voxel_size = (40, 40, 24), (1.0, 1.0, 2.0)
    distance = coordinates(shape, voxel_size).square().sum(0).sqrt()
    zeros = torch.zeros(shape)
    total = TotalField(zeros, zeros, distance < 18, voxel_size, (0.0, 0.0, 1.0))
    known = resharp(total, radius=5.0).mask
    assert known[distance < 11].all()
    assert not known[distance > 14].any()


def test_iterations_that_run_out_are_told(generator):
    told = resharp(noisy_total(generator), radius=2.5, tolerance=1e-9, max_iterations=2)
    assert not told.convergence.converged
    assert told.convergence.n_iterations == 2


@pytest.mark.parametrize('options', [{'alpha': 0.0}, {'radius': 0.0}, {'max_iterations': 0}])
def test_nonsense_is_refused(options, generator):
    with pytest.raises(ValueError, match=next(iter(options))):
        resharp(noisy_total(generator), **({'radius': 2.5} | options))


def test_a_mask_without_room_for_a_sphere_is_refused(generator):
    with pytest.raises(ValueError, match='too thin'):
        resharp(noisy_total(generator), radius=9.0)
