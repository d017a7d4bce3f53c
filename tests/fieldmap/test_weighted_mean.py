import dataclasses
import math

import pytest
import torch

from qsmnet_bids.fieldmap.weighted_mean import weighted_mean
from qsmnet_bids.physics.units import hz_per_ppm
from tests.simulated import simulate


@pytest.fixture(scope='module')
def head():
    return simulate(noise=0.005)


def test_a_constant_field_is_kept_and_in_ppm():
    shape, times = (8, 9, 10), (0.003, 0.007)
    head = simulate(shape=(12, 12, 12), echo_times=times, noise=0.0)
    ppm = 0.3
    phase = torch.stack(
        [torch.full(shape, 2 * math.pi * hz_per_ppm(3.0) * ppm * t) for t in times]
    )
    echoes = dataclasses.replace(
        head.echoes, magnitude=torch.ones(2, *shape), phase=torch.sin(phase).atan2(phase.cos())
    )
    total = weighted_mean(echoes, mask=torch.ones(shape, dtype=torch.bool))
    assert torch.allclose(total.field, torch.tensor(ppm), atol=1e-5)


@pytest.mark.parametrize(
    'options',
    [
        {'unwrapping_parameters': {'follow': False}},
        {'unwrapping': 'romeo'},
        {'unwrapping': 'laplacian', 'unwrapping_parameters': {'exact': True}},
    ],
)
def test_other_ways_of_unwrapping_agree(options, head):
    usual = weighted_mean(head.echoes, mask=head.brain)
    other = weighted_mean(head.echoes, mask=head.brain, **options)
    assert float((usual.field - other.field).abs().median()) < 1e-6
    assert float(((usual.field - other.field).abs() > 1e-4).float().mean()) < 0.001


def test_the_laplacian_field_differs_by_a_harmonic_field(head):
    usual = weighted_mean(head.echoes, mask=head.brain).field
    other = weighted_mean(head.echoes, mask=head.brain, unwrapping='laplacian').field
    difference = other - usual
    deep = torch.zeros_like(head.brain)
    deep[18:30, 18:30, 18:30] = True

    def bend(volume):
        return sum(torch.roll(volume, s, a) for s in (1, -1) for a in range(3)) - 6 * volume

    assert float(difference[deep].abs().max()) > 0.001
    assert float(bend(difference)[deep].square().mean()) < 0.01 * float(
        bend(usual)[deep].square().mean()
    )


def test_without_offset_removal_the_offset_stays_in_the_field(head):
    kept = weighted_mean(head.echoes, mask=head.brain, offset_removal=False)
    error = float((kept.field - head.total)[head.brain].median())
    # 0.8 rad at an effective echo time between the first and the last
    assert 0.8 / (2 * math.pi * hz_per_ppm(3.0) * 0.020) < error
    assert error < 0.8 / (2 * math.pi * hz_per_ppm(3.0) * 0.005)


def test_the_field_does_not_depend_on_the_unit_of_the_magnitude(head):
    louder = dataclasses.replace(head.echoes, magnitude=4096 * head.echoes.magnitude)
    first = weighted_mean(head.echoes, mask=head.brain)
    second = weighted_mean(louder, mask=head.brain)
    assert torch.allclose(first.field, second.field, atol=1e-6)
    assert torch.allclose(first.noise, second.noise, rtol=1e-4)
