import dataclasses
import math

import pytest
import torch

from qsmnet_bids.fieldmap.complex_fit import fit, refine
from qsmnet_bids.fieldmap.linear_fit import linear_fit
from qsmnet_bids.fieldmap.nonlinear_fit import nonlinear_fit
from qsmnet_bids.physics.units import hz_per_ppm
from tests.fieldmap.test_contract import scatter
from tests.simulated import coordinates, simulate

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


def drowned(head, block, first):
    """Leave nothing but noise of the echoes from one on, in a block of voxels."""
    generator = torch.Generator().manual_seed(4)
    signal = torch.polar(head.echoes.magnitude, head.echoes.phase)
    noise = head.noise * torch.randn(2, *signal[first:].shape, generator=generator)
    signal[first:] = torch.where(block, torch.complex(*noise), signal[first:])
    return dataclasses.replace(head.echoes, magnitude=signal.abs(), phase=signal.angle())


def test_a_single_echo_above_the_noise_is_read_with_the_offset_of_its_neighbours():
    head = simulate(noise=0.01, echo_times=TIMES)
    block = torch.zeros_like(head.brain)
    block[18:30, 20:26, 12:16] = True
    echoes = drowned(head, block, 1)
    total, alone = (
        nonlinear_fit(echoes, mask=head.brain, unwrapping='romeo', offset_smoothing=smoothing)
        for smoothing in (6.0, 0.0)
    )
    error = (total.field - head.total)[block]
    assert int((error.abs() > 0.03).sum()) <= 1  # noise that is taken for an echo, by chance
    assert scatter(error / total.noise[block]) < 1
    typical = float(total.noise[head.brain].median())
    assert float(alone.noise[block].median()) > 300 * typical


def test_a_start_that_is_off_by_a_turn_is_mended():
    """In the block the growth is steep enough to be unwrapped to the wrong turn."""
    head = simulate(noise=0.01, echo_times=(0.004, 0.012, 0.020, 0.028))
    steps = torch.zeros_like(head.total)
    steps[20:24, 20:24, 20:24] = 0.8  # of 0.98 ppm for a turn in 8 ms; 1.96 in 4 ms
    turned = head.echoes.phase + (
        2
        * math.pi
        * hz_per_ppm(3.0)
        * steps
        * torch.tensor(head.echoes.echo_times).view(-1, 1, 1, 1)
    )
    phase = torch.remainder(turned + math.pi, 2 * math.pi) - math.pi
    echoes = dataclasses.replace(head.echoes, phase=phase)
    errors = [
        (
            nonlinear_fit(
                echoes, mask=head.brain, unwrapping='romeo', offset_smoothing=smoothing
            ).field
            - head.total
            - steps
        )[head.brain].abs()
        for smoothing in (6.0, 0.0)
    ]
    assert float(errors[0].max()) < 0.03
    assert int((errors[1] > 0.9).sum()) == 64


def test_offsets_that_tell_nothing_about_each_other_change_nothing():
    head = simulate(noise=0.01, echo_times=TIMES)
    generator = torch.Generator().manual_seed(3)
    speckle = 2 * math.pi * torch.rand(head.brain.shape, generator=generator)
    phase = torch.remainder(head.echoes.phase + speckle + math.pi, 2 * math.pi) - math.pi
    echoes = dataclasses.replace(head.echoes, phase=phase)
    told, alone = (
        nonlinear_fit(echoes, mask=head.brain, offset_smoothing=smoothing)
        for smoothing in (6.0, 0.0)
    )
    difference = (told.field - alone.field)[head.brain] / alone.noise[head.brain]
    assert float(difference.abs().max()) < 0.1


def test_a_pole_of_the_offset_is_passed_by():
    """Coils that were combined badly leave points about which the phase turns once."""
    head = simulate(noise=0.01, echo_times=(0.004, 0.012, 0.020, 0.028))
    x, y, _ = coordinates(head.brain.shape, (1.0, 1.0, 1.0))
    phase = head.echoes.phase + torch.atan2(y - 3.2, x + 4.3)
    phase = torch.remainder(phase + math.pi, 2 * math.pi) - math.pi
    total = nonlinear_fit(
        dataclasses.replace(head.echoes, phase=phase), mask=head.brain, unwrapping='romeo'
    )
    assert float((total.field - head.total)[head.brain].abs().max()) < 0.03


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'max_iterations': 0}, 'max_iterations must be'),
        ({'tolerance': -1.0}, 'tolerance must be'),
        ({'offset_smoothing': -1.0}, 'offset_smoothing must be'),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    head = simulate(shape=(16, 16, 16))
    with pytest.raises(ValueError, match=message):
        nonlinear_fit(head.echoes, mask=head.brain, **options)
