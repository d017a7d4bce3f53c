import dataclasses
import math

import pytest
import torch

from qsmnet_bids.fieldmap.complex_fit import fit, refine
from qsmnet_bids.fieldmap.linear_fit import linear_fit
from qsmnet_bids.fieldmap.nonlinear_fit import nonlinear_fit
from tests.simulated import simulate

TIMES = (0.004, 0.009, 0.016, 0.025)


def signals(rate, offset, generator, noise=0.0):
    times = torch.tensor(TIMES).view(-1, 1)
    real, imaginary = noise * torch.randn(2, len(TIMES), len(rate), generator=generator)
    return torch.polar(torch.exp(-20 * times), offset + rate * times) + torch.complex(
        real, imaginary
    )


def test_the_rate_is_recovered_exactly_from_clean_signals(generator):
    rate = 1200 * (torch.rand(500, generator=generator) - 0.5)  # half a turn in 5 ms is 628 rad/s
    offset = 2 * math.pi * torch.rand(500, generator=generator)
    signal = signals(rate, offset, generator)
    start = (signal[1] * signal[0].conj()).angle() / 0.005
    result = fit(signal, TIMES, refine(signal, TIMES, start), max_iterations=20, tolerance=1e-6)
    assert torch.allclose(result.rate, rate, atol=0.01)
    assert float(result.residual.abs().max()) < 1e-3
    assert result.convergence.converged


def test_it_ends_at_a_stationary_point_of_its_cost(generator):
    rate = 1000 * (torch.rand(200, generator=generator) - 0.5)
    signal = signals(rate, torch.zeros(200), generator, noise=0.15)
    times = torch.tensor(TIMES).view(-1, 1)
    result = fit(signal, TIMES, refine(signal, TIMES, rate), max_iterations=500, tolerance=1e-6)

    turned = signal * signal.abs()

    def cost(values):  # the best offset is the phase of the sum; m (m - Re(S exp(..))) is left
        best = (turned * torch.polar(torch.ones_like(times * values), -times * values)).sum(0)
        return -best.abs()

    found = cost(result.rate.double())
    for step in (-3.0, -0.3, 0.3, 3.0):
        assert (cost(result.rate.double() + step) >= found - 1e-6).all()


def test_not_to_converge_is_told():
    head = simulate(noise=0.2)
    once = nonlinear_fit(head.echoes, mask=head.brain, max_iterations=1, tolerance=1e-7)
    assert not once.convergence.converged
    assert once.convergence.n_iterations == 1
    often = nonlinear_fit(head.echoes, mask=head.brain, max_iterations=300)
    assert often.convergence.converged
    assert often.convergence.relative_residual <= 1e-4


def test_it_is_right_where_wraps_break_a_linear_fit():
    """Steep offsets that differ between voxels: no echo can be unwrapped, their growth can."""
    head = simulate(noise=0.01, offset=0.0, echo_times=TIMES)
    generator = torch.Generator().manual_seed(3)
    speckle = 2 * math.pi * torch.rand(head.brain.shape, generator=generator)
    phase = torch.remainder(head.echoes.phase + speckle + math.pi, 2 * math.pi) - math.pi
    echoes = dataclasses.replace(head.echoes, phase=phase)

    straight = (linear_fit(echoes, mask=head.brain).field - head.total)[head.brain]
    curved = (nonlinear_fit(echoes, mask=head.brain).field - head.total)[head.brain]

    assert float((straight.abs() > 0.05).float().mean()) > 0.2
    assert float(curved.abs().max()) < 0.03


def test_uneven_echoes_beyond_half_a_turn_of_the_longest_gaps():
    head = simulate(noise=0.01, echo_times=(0.003, 0.0071, 0.0134, 0.0262), offset=2.0)
    total = nonlinear_fit(head.echoes, mask=head.brain, unwrapping='romeo')
    assert float((total.field - head.total)[head.brain].abs().max()) < 0.03


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'max_iterations': 0}, 'max_iterations must be'),
        ({'tolerance': -1.0}, 'tolerance must be'),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    head = simulate(shape=(16, 16, 16))
    with pytest.raises(ValueError, match=message):
        nonlinear_fit(head.echoes, mask=head.brain, **options)
