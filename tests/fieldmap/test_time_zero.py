import math

import pytest
import torch

from qsmnet_bids.fieldmap.smooth_phase import coherence
from qsmnet_bids.fieldmap.time_zero import WIDTH, echo_at_zero
from tests.simulated import coordinates

SHAPE, SIZE = (32, 30, 28), (1.0, 1.0, 1.2)


def offsets(spread, generator):
    x, y, _ = coordinates(SHAPE, SIZE)
    smooth = 0.8 + 0.15 * x - 0.1 * y
    return smooth, smooth + spread * torch.randn(SHAPE, generator=generator)


def test_the_smooth_part_is_given_with_so_many_times_its_spread(generator):
    mask = coordinates(SHAPE, SIZE).square().sum(0).sqrt() < 13
    smooth, phase = offsets(0.05, generator)
    found = echo_at_zero(
        torch.polar(torch.ones(SHAPE), phase)[mask], mask=mask, smoothing=4.0, voxel_size=SIZE
    )
    error = (found * torch.polar(torch.ones(SHAPE), -smooth)[mask]).angle()
    assert float(error.abs().max()) < 0.05
    assert float(1 / found.abs().median()) == pytest.approx(WIDTH * 0.05, rel=0.05)


def test_offsets_that_have_nothing_in_common_are_no_echo(generator):
    mask = torch.ones(SHAPE, dtype=torch.bool)
    phase = 2 * math.pi * torch.rand(SHAPE, generator=generator)
    signal = torch.polar(torch.ones(SHAPE), phase)
    found = echo_at_zero(signal[mask], mask=mask, smoothing=4.0, voxel_size=SIZE)
    assert float(found.abs().max()) < 0.2
    zero = torch.zeros(SHAPE)
    near = coherence(signal, zero, deviation=4.0, voxel_size=SIZE)
    assert float(near.max()) < 0.3
    assert torch.allclose(
        coherence(torch.polar(1 + phase, zero + 1.0), zero, deviation=4.0, voxel_size=SIZE),
        torch.ones(SHAPE),
        atol=1e-4,
    )
