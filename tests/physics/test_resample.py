import math

import pytest
import torch

from qsmnet_bids.physics.resample import b0_frame, from_frame, to_frame


def blob(shape, voxel_size, centre=(0.0, 0.0, 0.0), width=4.0):
    """A Gaussian around a point given in mm from the volume's centre."""
    square = torch.zeros(shape)
    for axis, (n, size, middle) in enumerate(zip(shape, voxel_size, centre, strict=True)):
        place = (torch.arange(n) - (n - 1) / 2) * size - middle
        square = square + (place**2).reshape([-1 if a == axis else 1 for a in range(3)])
    return torch.exp(-square / (2 * width**2))


def test_the_training_s_own_frame_needs_nothing():
    assert b0_frame((8, 9, 10), voxel_size=(2.0, 2.0, 2.0), b0_dir=(0.0, 0.0, 1.0)) is None
    assert b0_frame((8, 9, 10), voxel_size=(2.0, 2.0, 2.0), b0_dir=(0.0, 0.0, -1.0)) is None


def test_permuted_axes_come_back_exactly():
    volume = torch.randn(12, 10, 14, generator=torch.Generator().manual_seed(0))
    frame = b0_frame((12, 10, 14), voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 1.0, 0.0))
    assert frame is not None
    assert frame.frame_shape == (12, 14, 10)
    torch.testing.assert_close(from_frame(to_frame(volume, frame), frame), volume)


@pytest.mark.parametrize('degrees', [10, 45, -60])
def test_b0_comes_to_lie_along_z(degrees):
    """A blob displaced along B0 is displaced along z in the frame, by the same length."""
    angle = math.radians(degrees)
    b0_dir = (math.sin(angle), 0.0, math.cos(angle))
    voxel_size, shape = (1.0, 1.0, 2.0), (48, 40, 24)
    centre = tuple(8 * component for component in b0_dir)
    frame = b0_frame(shape, voxel_size=voxel_size, b0_dir=b0_dir)
    assert frame is not None
    turned = to_frame(blob(shape, voxel_size, centre), frame)
    expected = blob(frame.frame_shape, (1.0, 1.0, 1.0), (0.0, 0.0, 8.0))
    assert (turned - expected).abs().max() < 0.05


def test_a_smooth_volume_survives_the_way_there_and_back():
    shape, voxel_size = (40, 40, 20), (0.8, 0.8, 2.0)
    volume = blob(shape, voxel_size, (2.0, -3.0, 1.0))
    frame = b0_frame(shape, voxel_size=voxel_size, b0_dir=(0.5, 0.0, math.sqrt(0.75)))
    assert frame is not None
    assert (from_frame(to_frame(volume, frame), frame) - volume).abs().max() < 0.05
