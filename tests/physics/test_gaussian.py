import pytest
import torch
from scipy import ndimage

from qsmnet_bids.physics.gaussian import gaussian


@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.5, 1.0, 3.0)])
def test_agrees_with_scipy(voxel_size, generator):
    volume = torch.rand(17, 12, 9, generator=generator)
    widths = [2.0 / size for size in voxel_size]
    radius = [-int(-3.0 * width // 1) for width in widths]
    expected = volume.numpy()
    for axis in range(3):
        expected = ndimage.gaussian_filter1d(
            expected, widths[axis], axis=axis, mode='constant', radius=radius[axis]
        )
    found = gaussian(volume, deviation=2.0, voxel_size=voxel_size)
    assert torch.allclose(found, torch.from_numpy(expected), atol=1e-5)


def test_complex_volumes_part_by_part_and_no_width(generator):
    real, imaginary = torch.rand(2, 8, 8, 8, generator=generator)
    options = {'deviation': 1.5, 'voxel_size': (1.0, 1.0, 1.0)}
    found = gaussian(torch.complex(real, imaginary), **options)
    assert torch.allclose(found.real, gaussian(real, **options), atol=1e-6)
    assert torch.allclose(found.imag, gaussian(imaginary, **options), atol=1e-6)
    same = gaussian(real, deviation=0.0, voxel_size=(1.0, 1.0, 1.0))
    assert torch.equal(same, real)
    assert same.data_ptr() != real.data_ptr()
    with pytest.raises(ValueError, match='deviation must be at least 0'):
        gaussian(real, deviation=-1.0, voxel_size=(1.0, 1.0, 1.0))
