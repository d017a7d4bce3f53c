import dataclasses
import math

import pytest
import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.swi import swi
from qsmnet_bids.tensors import MultiEcho
from tests.simulated import coordinates

SHAPE = (40, 40, 32)
VOXEL = (0.8, 0.8, 1.0)


def acquire(chi, echo_times=(0.01, 0.02), b0_dir=(0.0, 0.0, 1.0)):
    field = forward_field(chi, voxel_size=VOXEL, b0_dir=b0_dir)
    slow = 0.005 * coordinates(SHAPE, VOXEL)[0]
    turns = torch.stack([2 * math.pi * hz_per_ppm(3.0) * (field + slow) * t for t in echo_times])
    signal = torch.polar(torch.full_like(turns, 100.0), turns + 1.0)
    return MultiEcho(signal.abs(), signal.angle(), echo_times, 3.0, b0_dir, VOXEL)


@pytest.fixture
def vein():
    x, y, _ = coordinates(SHAPE, VOXEL)
    return x**2 + y**2 < 1.5**2


@pytest.fixture
def everywhere():
    return torch.ones(SHAPE, dtype=torch.bool)


@pytest.mark.parametrize('echo_times', [(0.02,), (0.01, 0.02)])
def test_a_vein_along_b0_darkens_and_a_diamagnetic_one_does_not(vein, everywhere, echo_times):
    middle = (slice(12, 28), slice(12, 28), slice(10, 22))
    level = 100.0 * math.sqrt(len(echo_times))
    dark = swi(acquire(0.3 * vein, echo_times), mask=everywhere).swi[middle]
    same = swi(acquire(-0.3 * vein, echo_times), mask=everywhere).swi[middle]
    assert float(dark[vein[middle]].mean()) < 0.7 * level
    assert float(same[vein[middle]].mean()) > 0.95 * level


def test_homogeneous_tissue_stays_whatever_the_offset_and_the_slope(vein, everywhere):
    echoes = acquire(0.0 * vein)
    result = swi(echoes, mask=everywhere)
    inner = (slice(12, 28), slice(12, 28), slice(10, 22))
    assert torch.allclose(result.swi[inner], torch.tensor(100 * math.sqrt(2)), rtol=0.02)


def test_the_power_is_that_of_the_phase_mask(vein, everywhere):
    echoes = acquire(0.3 * vein)
    plain, once, fourth = (
        swi(echoes, mask=everywhere, power=power).swi for power in (0.0, 1.0, 4.0)
    )
    assert torch.allclose(plain, torch.tensor(100 * math.sqrt(2)), rtol=1e-4)
    assert torch.allclose(fourth / plain, (once / plain) ** 4, atol=1e-4)


@pytest.mark.parametrize(
    ('options', 'axis', 'n'),
    [
        ({}, 2, 8),
        ({'projection': 3.0}, 2, 3),
        ({'projection': 0.0}, 2, 1),
        ({'projection': 4.0, 'slice_axis': 'y'}, 1, 5),
        ({'projection': 1000.0}, 2, 1000),
    ],
)
def test_the_projection_is_the_least_over_the_slab_in_the_mask(vein, everywhere, options, axis, n):
    mask = everywhere.clone()
    mask[:6] = mask[:, :, :4] = False
    mask[20, 20] = False
    result = swi(acquire(0.3 * vein), mask=mask, **options)
    image = result.swi.masked_fill(~mask, math.inf)
    length, before = SHAPE[axis], (n - 1) // 2
    expected = torch.empty_like(image)
    for i in range(length):
        start, stop = max(0, i - before), min(length, i - before + n)
        slab = image.narrow(axis, start, stop - start)
        expected.select(axis, i).copy_(slab.amin(dim=axis))
    assert torch.equal(result.mip, torch.where(mask, expected, 0))
    assert not result.swi[~mask].any()


def test_the_slab_lies_across_b0(vein, everywhere):
    echoes = acquire(0.3 * vein, b0_dir=(0.0, 0.8, 0.6))
    auto = swi(echoes, mask=everywhere).mip
    assert torch.equal(auto, swi(echoes, mask=everywhere, slice_axis='y').mip)


def test_it_scales_with_the_magnitude(vein, everywhere):
    echoes = acquire(0.3 * vein)
    faint = dataclasses.replace(echoes, magnitude=1e-20 * echoes.magnitude)
    ratio = swi(faint, mask=everywhere).swi / swi(echoes, mask=everywhere).swi
    assert torch.allclose(ratio, torch.tensor(1e-20), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('high_pass', 0.0),
        ('power', -1.0),
        ('echo_time', 20.0),
        ('projection', -1.0),
    ],
)
def test_bad_values_are_refused(vein, everywhere, name, value):
    with pytest.raises(ValueError, match=f'{name} must be .*got {value}'):
        swi(acquire(0.3 * vein), mask=everywhere, **{name: value})
