import math

import pytest
import torch

from qsmnet_bids.physics.dipole import (
    convolve,
    dipole_kernel,
    forward_field,
    pad_to,
    padded_shape,
)

OBLIQUE = (0.36, 0.48, 0.8)


def ball(shape, voxel_size, radius, centre=(0.0, 0.0, 0.0), subsamples=4):
    """Render a ball by the share of each voxel that lies in it, with the voxels' offsets in mm."""
    fine = [
        ((torch.arange(n * subsamples) + 0.5) / subsamples - n / 2) * size - middle
        for n, size, middle in zip(shape, voxel_size, centre, strict=True)
    ]
    x, y, z = fine
    inside = x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 < radius**2
    share = torch.nn.functional.avg_pool3d(inside[None].float(), subsamples)[0]
    coarse = [
        (torch.arange(n) + 0.5 - n / 2) * size - middle
        for n, size, middle in zip(shape, voxel_size, centre, strict=True)
    ]
    return share, torch.stack(torch.meshgrid(*coarse, indexing='ij'))


@pytest.mark.parametrize('b0_dir', [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), OBLIQUE])
@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0)])
def test_a_sphere_has_the_field_of_a_dipole_outside_and_none_inside(voxel_size, b0_dir):
    shape, radius, chi = (60, 60, 32), 8.0, 0.7
    share, offsets = ball(shape, voxel_size, radius)
    distance = offsets.square().sum(0).sqrt()
    cosine = sum(b * o for b, o in zip(b0_dir, offsets, strict=True)) / distance
    expected = chi / 3 * (radius / distance) ** 3 * (3 * cosine**2 - 1)

    field = forward_field(chi * share, voxel_size=voxel_size, b0_dir=b0_dir)

    outside = distance > radius + 1.5 * max(voxel_size)
    inside = distance < radius - 1.5 * max(voxel_size)
    # one voxel in a thousand may be worse: those that touch the staircase of the sphere
    error = (field - expected)[outside].abs()
    assert float(error.quantile(0.999)) < 0.05 * chi
    assert float(error.square().mean().sqrt()) < 0.01 * chi
    assert float(field[inside].mean()) == pytest.approx(0, abs=0.005 * chi)
    assert float(field[inside].abs().quantile(0.9)) < 0.03 * chi


def test_the_padded_field_does_not_wrap():
    shape, radius = (48, 48, 48), 4.0
    share, offsets = ball(shape, (1.0, 1.0, 1.0), radius, centre=(0.0, 0.0, 19.0))
    distance = offsets.square().sum(0).sqrt()
    expected = (radius / distance) ** 3 * (3 * (offsets[2] / distance) ** 2 - 1) / 3
    far = torch.zeros(shape, dtype=torch.bool)
    far[:, :, :6] = True

    padded = forward_field(share, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    periodic = forward_field(
        share, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0), margin_mm=0.0
    )

    assert float((padded - expected)[far].abs().max()) < 0.002
    assert float((periodic - expected)[far].abs().max()) > 0.02


def test_the_kernel_follows_voxel_size_and_direction():
    kernel = dipole_kernel((8, 8, 8), (1.0, 1.0, 2.0), (0.0, 0.0, 3.0))
    # k = (1/8, 0, 1/16) mm^-1: cos^2 = 1/5
    assert float(kernel[1, 0, 1]) == pytest.approx(1 / 3 - 1 / 5)
    assert float(kernel[1, 0, 0]) == pytest.approx(1 / 3)
    assert float(kernel[0, 0, 0]) == 0

    turned = dipole_kernel((8, 8, 8), (1.0, 1.0, 1.0), (1.0, 0.0, 1.0))
    assert float(turned[1, 0, 1]) == pytest.approx(1 / 3 - 1)
    assert float(turned[-1, 0, 1]) == pytest.approx(1 / 3)


@pytest.mark.parametrize('shape', [(8, 7, 6), (7, 6, 9)])
def test_the_convolution_is_its_own_adjoint(shape, generator):
    kernel = dipole_kernel(shape, (1.0, 1.5, 0.7), OBLIQUE, dtype=torch.float64)
    first, second = torch.randn(2, *shape, generator=generator, dtype=torch.float64)

    assert float((convolve(first, kernel) * second).sum()) == pytest.approx(
        float((first * convolve(second, kernel)).sum()), rel=1e-10
    )


def test_padding_grows_to_fast_lengths_and_keeps_the_origin(generator):
    assert padded_shape((61, 31, 7), (1.0, 2.0, 1.0), 10.0) == (72, 36, 18)
    assert padded_shape((61, 31, 7), (1.0, 2.0, 1.0), (10.0, 0.0, 20.0)) == (72, 32, 27)
    volume = torch.rand(3, 4, 5, generator=generator)
    padded = pad_to(volume, (6, 4, 8))
    assert torch.equal(padded[:3, :4, :5], volume)
    assert float(padded.sum()) == pytest.approx(float(volume.sum()))


@pytest.mark.parametrize(
    'call',
    [
        lambda: dipole_kernel((4, 4, 4), (1.0, -1.0, 1.0), (0.0, 0.0, 1.0)),
        lambda: dipole_kernel((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        lambda: padded_shape((4, 4, 4), (1.0, 1.0, 1.0), -1.0),
        lambda: padded_shape((4, 4, 4), (1.0, 1.0, 1.0), (1.0, 1.0, -1.0)),
        lambda: pad_to(torch.zeros(4, 4, 4), (4, 3, 4)),
    ],
)
def test_nonsense_is_refused(call):
    with pytest.raises(ValueError, match=r'voxel_size|b0_dir|margin_mm|pad'):
        call()


def test_the_field_scales_with_distance_cubed():
    share, _ = ball((64, 64, 64), (1.0, 1.0, 1.0), 3.0)
    field = forward_field(share, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    axis = field[31:33, 31:33].mean(dim=(0, 1))
    assert float(axis[32 + 10] / axis[32 + 20]) == pytest.approx((20.5 / 10.5) ** 3, rel=0.05)
    assert math.copysign(1, float(field[32, 32, 45])) == 1


@pytest.mark.parametrize('shape', [(8, 8, 8), (8, 7, 6), (6, 9, 7)])
def test_the_kernel_is_that_of_a_real_field(shape):
    kernel = dipole_kernel(shape, (1.0, 1.5, 0.7), OBLIQUE, dtype=torch.float64)
    spectrum = torch.fft.rfftn(torch.fft.irfftn(kernel, s=list(shape)))
    assert torch.allclose(spectrum.real, kernel, atol=1e-12)
    assert float(spectrum.imag.abs().max()) < 1e-12
