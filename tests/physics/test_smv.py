import math

import pytest
import torch

from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.physics.smv import covered, sphere, sphere_kernel


@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0)])
def test_the_sphere_has_the_volume_and_the_inertia_of_a_sphere(voxel_size):
    radius = 6.0
    ball = sphere(voxel_size, radius).double()

    voxels_inside = 4 / 3 * math.pi * radius**3 / math.prod(voxel_size)
    assert float(ball.sum()) == pytest.approx(1, rel=1e-5)
    assert float(1 / ball.max()) == pytest.approx(voxels_inside, rel=0.01)
    for axis, size in enumerate(voxel_size):
        offset = (torch.arange(ball.shape[axis]) - ball.shape[axis] // 2) * size
        profile = ball.sum(dim=[other for other in range(3) if other != axis])
        assert float((profile * offset).sum()) == pytest.approx(0, abs=1e-5)
        # <x^2> in a sphere is radius^2 / 5; gathered into voxels it gains size^2 / 12
        spread = float((profile * offset**2).sum()) - size**2 / 12
        assert spread == pytest.approx(radius**2 / 5, rel=0.005)


@pytest.mark.parametrize('shape', [(16, 15, 9), (15, 18, 8)])
def test_the_kernel_is_the_transform_of_the_sphere(shape):
    voxel_size = (1.0, 1.2, 2.0)
    ball = sphere(voxel_size, 4.0)
    volume = torch.zeros(shape)
    volume[: ball.shape[0], : ball.shape[1], : ball.shape[2]] = ball
    centred = torch.roll(volume, [-(n // 2) for n in ball.shape], dims=(0, 1, 2))

    kernel = sphere_kernel(shape, voxel_size, 4.0)

    assert torch.allclose(kernel, torch.fft.rfftn(centred).real, atol=1e-6)


def test_a_sphere_is_covered_where_a_mask_holds_all_of_it():
    shape = (20, 20, 20)
    mask = torch.zeros(shape)
    mask[3:12, 3:12, 3:12] = 1
    kernel = sphere_kernel(shape, (1.0, 1.0, 1.0), 3.0)
    fits = covered(torch.fft.rfftn(mask), kernel, shape)
    assert torch.equal(fits.nonzero(), torch.cartesian_prod(*[torch.arange(6, 9)] * 3))


def test_a_harmonic_function_keeps_its_value():
    n = 33
    x, y, z = torch.meshgrid(*[torch.arange(n) - n // 2] * 3, indexing='ij')
    harmonic = (2 * z**2 - x**2 - y**2 + 3 * x + x * y).float()

    mean = convolve(harmonic, sphere_kernel((n, n, n), (1.0, 1.0, 1.0), 5.0))

    inside = (slice(6, -6),) * 3
    assert torch.allclose(mean[inside], harmonic[inside], atol=0.05)
    # a paraboloid is not harmonic: it rises by 3/5 radius^2
    paraboloid = (x**2 + y**2 + z**2).float()
    mean = convolve(paraboloid, sphere_kernel((n, n, n), (1.0, 1.0, 1.0), 5.0))
    assert float(mean[16, 16, 16]) == pytest.approx(0.6 * 25, rel=0.02)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (((9, 9, 9), (1.0, 1.0, 1.0), 5.0), 'does not fit'),
        (((9, 9, 9), (1.0, 1.0, 1.0), 0.0), 'radius'),
        (((9, 9, 9), (1.0, 0.0, 1.0), 2.0), 'voxel_size'),
    ],
)
def test_what_cannot_be_rendered_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sphere_kernel(*arguments)
