import math

import torch

from qsmnet_bids.masking.phase_quality import coherence
from qsmnet_bids.tensors import MultiEcho


def acquisition(phase, echo_times):
    return MultiEcho(
        torch.ones_like(phase), phase, echo_times, 3.0, (0.0, 0.0, 1.0), (1.0, 1.0, 1.0)
    )


def wrap(phase):
    return torch.remainder(phase + math.pi, 2 * math.pi) - math.pi


def test_a_constant_phase_is_perfect_and_noise_is_not(generator):
    constant = torch.full((2, 8, 8, 8), 3.1)
    assert torch.allclose(coherence(acquisition(constant, (0.01, 0.02))), torch.tensor(1.0))

    noise = 2 * math.pi * (torch.rand(2, 16, 16, 16, generator=generator) - 0.5)
    assert float(coherence(acquisition(noise, (0.01, 0.02))).max()) < 0.4
    assert float(coherence(acquisition(noise[:1], (0.01,))).max()) < 0.4


def test_a_ramp_loses_by_its_slope_alone():
    slope = 0.3
    ramp = slope * torch.arange(40.0).view(-1, 1, 1).expand(40, 8, 8)
    quality = coherence(acquisition(wrap(torch.stack([ramp, 2 * ramp])), (0.01, 0.02)))
    # one of the three axes sees the slope
    expected = 1 - slope / math.pi / 3
    assert torch.allclose(quality[2:-2, 2:-2, 2:-2], torch.tensor(expected), atol=1e-4)
    single = coherence(acquisition(wrap(ramp[None]), (0.01,)))
    assert torch.allclose(single[2:-2, 2:-2, 2:-2], torch.tensor(expected), atol=1e-4)
