import pytest
import torch

from qsmnet_bids.networks.fourier import convolve, full_mean, grid_of
from qsmnet_bids.physics import dipole

VOXEL, B0_DIR = (1.0, 1.0, 1.5), (0.0, 0.6, 0.8)


@pytest.mark.parametrize('grid', [(12, 10, 8), (12, 10, 9), (15, 12, 12)])
def test_each_sample_meets_its_own_kernel(grid, generator):
    volumes = torch.randn(2, 3, 12, 10, 8 + (grid[2] == 9), generator=generator)
    kernels = [dipole.dipole_kernel(grid, VOXEL, b) for b in (B0_DIR, (1.0, 0.0, 0.0))]
    found = convolve(volumes, torch.stack(kernels))
    shape = tuple(volumes.shape[2:])
    for sample, kernel, results in zip(volumes, kernels, found, strict=True):
        for volume, result in zip(sample, results, strict=True):
            whole = dipole.convolve(dipole.pad_to(volume, grid), kernel)
            expected = whole[: shape[0], : shape[1], : shape[2]]
            torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-5)


def test_a_kernel_for_fewer_voxels_is_refused():
    with pytest.raises(ValueError, match='at least'):
        grid_of((12, 12, 12), torch.zeros(1, 12, 12, 5))


@pytest.mark.parametrize('n_z', [8, 9])
def test_the_mean_counts_both_halves_of_k_space(n_z, generator):
    volume = torch.randn(6, 7, n_z, generator=generator)
    half = torch.fft.rfftn(volume).abs()[None]
    whole = torch.fft.fftn(volume).abs().mean()
    assert float(full_mean(half, n_z)) == pytest.approx(float(whole), rel=1e-5)
