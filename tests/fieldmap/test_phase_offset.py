import math

import pytest
import torch

from qsmnet_bids.fieldmap.phase_offset import mcpc3ds
from qsmnet_bids.physics.units import hz_per_ppm
from tests.simulated import B0, simulate


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
