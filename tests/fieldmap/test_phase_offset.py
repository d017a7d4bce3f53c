import dataclasses
import math

import pytest
import torch

from qsmnet_bids.fieldmap.phase_offset import align_polarities, mcpc3ds
from qsmnet_bids.physics.units import hz_per_ppm
from tests.simulated import B0, coordinates, simulate


def wrap(phase):
    return torch.remainder(phase + math.pi, 2 * math.pi) - math.pi


def test_a_smooth_offset_is_removed_from_every_echo():
    head = simulate(noise=0.005, offset=1.5)
    cleaned = mcpc3ds(head.echoes, mask=head.brain)

    for phase, before, time in zip(
        cleaned.phase, head.echoes.phase, head.echoes.echo_times, strict=True
    ):
        truth = 2 * math.pi * hz_per_ppm(B0) * head.total * time
        left = wrap(phase - truth)[head.brain]
        had = wrap(before - truth)[head.brain]
        assert abs(float(had.median())) == pytest.approx(1.5, abs=0.1)
        assert abs(float(left.median())) < 0.02
        assert float(left.abs().quantile(0.95)) < 0.25
        assert torch.equal(phase[~head.brain], before[~head.brain])
    assert torch.equal(cleaned.magnitude, head.echoes.magnitude)


@pytest.mark.parametrize(
    ('offset', 'most'),
    [
        (lambda x, y, _: 0.8 + 0.15 * x + 0.1 * y, 0.05),
        (lambda x, y, z: 0.004 * (x**2 + y**2 + z**2), 0.3),
        (lambda x, y, _: 3 * torch.sin(x / 15) + 2 * torch.cos(y / 12), 0.3),
    ],
    ids=['steep', 'bowl', 'waves'],
)
def test_steep_offsets_are_removed_up_to_the_edge_of_the_mask(offset, most):
    head = simulate(noise=0.01, offset=0.0)
    added = offset(*coordinates((48, 48, 48), (1.0, 1.0, 1.0)))
    echoes = dataclasses.replace(head.echoes, phase=wrap(head.echoes.phase + added))

    cleaned = mcpc3ds(echoes, mask=head.brain)

    truth = 2 * math.pi * hz_per_ppm(B0) * head.total * echoes.echo_times[0]
    assert float(wrap(cleaned.phase[0] - truth)[head.brain].abs().max()) < most


def test_the_tilt_between_polarities_is_found_whatever_the_readout():
    times = (0.004, 0.009, 0.013, 0.02)
    head = simulate(noise=0.01, offset=0.5, echo_times=times)
    x, y, z = coordinates((48, 48, 48), (1.0, 1.0, 1.0))
    tilt = 0.3 + 0.06 * x - 0.02 * z + 0.001 * y
    phase = head.echoes.phase.clone()
    phase[1::2] = wrap(phase[1::2] + tilt)
    echoes = dataclasses.replace(head.echoes, phase=phase)

    aligned = align_polarities(echoes, mask=head.brain)

    left = wrap(aligned.phase - head.echoes.phase)[:, head.brain]
    assert torch.allclose(left[::2], torch.zeros(1), atol=1e-5)
    assert float(left[1::2].abs().max()) < 0.03
    assert torch.equal(aligned.phase[:, ~head.brain], phase[:, ~head.brain])


def test_nothing_is_removed_where_there_is_none():
    head = simulate(noise=0.0, offset=0.0)
    cleaned = mcpc3ds(head.echoes, mask=head.brain)
    assert float(wrap(cleaned.phase - head.echoes.phase).abs().max()) < 1e-3


def test_a_single_echo_is_returned_as_it_is():
    head = simulate(shape=(16, 16, 16), echo_times=(0.01,))
    assert mcpc3ds(head.echoes, mask=head.brain) is head.echoes


def test_a_negative_smoothing_is_refused():
    head = simulate(shape=(16, 16, 16))
    with pytest.raises(ValueError, match='smoothing'):
        mcpc3ds(head.echoes, mask=head.brain, smoothing=-1.0)
