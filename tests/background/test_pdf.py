import pytest
import torch

from qsmnet_bids.background.pdf import pdf
from qsmnet_bids.physics.dipole import convolve, dipole_kernel
from qsmnet_bids.tensors import TotalField

B0_DIR = (0.0, 0.6, 0.8)


def test_what_is_left_is_orthogonal_to_every_background(generator):
    """To a constant, and to the field of each dipole outside, by the weights of the noise."""
    n, voxel_size = 9, (1.0, 1.0, 1.5)
    mask = torch.zeros(12, 12, 12, dtype=torch.bool)
    mask[2:11, 1:10, 2:11] = True
    mask[5, 4, 6] = False
    field = torch.randn(mask.shape, generator=generator, dtype=torch.float64)
    noise = 1 + torch.rand(mask.shape, generator=generator, dtype=torch.float64)
    total = TotalField(field, noise, mask, voxel_size, B0_DIR)

    local = pdf(total, peel=0, margin=1.0, tolerance=1e-8, max_iterations=2000)

    assert local.convergence.converged
    assert torch.equal(local.mask, mask)
    # the mask's box, with one voxel more on each axis: 9 and 1 make 10, a good length
    weighted = torch.zeros(n + 1, n + 1, n + 1, dtype=torch.float64)
    weighted[:n, :n, :n] = (local.field / noise**2)[2:11, 1:10, 2:11]
    outside = torch.ones(weighted.shape, dtype=torch.bool)
    outside[:n, :n, :n] = ~mask[2:11, 1:10, 2:11]
    kernel = dipole_kernel((n + 1,) * 3, voxel_size, B0_DIR, dtype=torch.float64)
    assert float(convolve(weighted, kernel)[outside].abs().max()) < 1e-6 * float(weighted.norm())
    assert abs(float(weighted.sum())) < 1e-6 * float(weighted.norm())
    # fewer dipoles than voxels, so that a good part of the noise is left
    assert 0.3 * float(field[mask].norm()) < float(local.field.norm()) < float(field[mask].norm())


def test_the_mask_shrinks_by_the_layers_that_are_peeled_off():
    shape, voxel_size = (30, 30, 20), (1.0, 1.0, 2.0)
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[5:25, 5:25, 5:15] = True
    zeros = torch.zeros(shape)
    local = pdf(TotalField(zeros, zeros, mask, voxel_size, B0_DIR), peel=2)
    expected = torch.zeros_like(mask)
    expected[7:23, 7:23, 7:13] = True
    assert torch.equal(local.mask, expected)


@pytest.mark.parametrize('options', [{'peel': -1}, {'margin': 0.0}, {'max_iterations': 0}])
def test_nonsense_is_refused(options):
    mask = torch.ones(8, 8, 8, dtype=torch.bool)
    zeros = torch.zeros(8, 8, 8)
    with pytest.raises(ValueError, match=next(iter(options))):
        pdf(TotalField(zeros, zeros, mask, (1.0, 1.0, 1.0), B0_DIR), **options)
