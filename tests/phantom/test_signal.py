import math
from dataclasses import replace

import pytest
import torch

from qsmnet_bids.phantom.signal import WHITE_MATTER_SIGNAL, simulate
from qsmnet_bids.physics.units import hz_per_ppm

TIMES = (0.003, 0.006, 0.012)


@pytest.fixture(scope='module')
def quiet(head):
    return simulate(head, echo_times=TIMES, noise=0.0, seed=1)


def wrapped(angle: torch.Tensor) -> torch.Tensor:
    return torch.atan2(angle.sin(), angle.cos())


def test_phase_without_noise_is_offset_plus_field_times_echo_time(head, quiet):
    frequency = quiet.fields.total * hz_per_ppm(3.0)
    echoes = zip(TIMES, quiet.echoes.magnitude, quiet.echoes.phase, strict=True)
    for echo_time, magnitude, phase in echoes:
        expected = quiet.phase_offset + 2 * math.pi * frequency * echo_time
        error = wrapped(phase - expected)[head.mask & (magnitude > 1)]
        assert float(error.abs().max()) < 1e-3


def test_phase_advances_where_the_field_is_positive(head, quiet):
    step = wrapped(quiet.echoes.phase[1] - quiet.echoes.phase[0])
    strong = head.mask & (quiet.fields.total > 0.15) & (quiet.fields.total < 1)
    strong &= quiet.echoes.magnitude[1] > 1
    assert int(strong.sum()) > 1000
    assert bool((step[strong] > 0).all())


def test_phase_wraps_and_stays_in_range(quiet):
    assert float(quiet.echoes.phase.abs().max()) <= math.pi + 1e-6
    jumps = quiet.echoes.phase[2].diff(dim=1).abs()
    assert int((jumps > 5).sum()) > 100


def test_magnitude_decays_with_r2star_where_the_field_is_flat(head, quiet):
    rate = (quiet.echoes.magnitude[0] / quiet.echoes.magnitude[2]).log() / (TIMES[2] - TIMES[0])
    slopes = [torch.gradient(quiet.fields.total, dim=axis)[0].abs() for axis in range(3)]
    flat = head.mask & (torch.stack(slopes).amax(0) < 0.01)
    assert int(flat.sum()) > 1000
    excess = (rate - head.r2star)[flat]
    assert float(excess.min()) > -0.01
    assert float(excess.max()) < 0.5


def test_iron_and_blood_decay_faster(head):
    by_label = {label: float(head.r2star[head.labels == label].mean()) for label in (3, 6, 12)}
    assert by_label[6] > 1.5 * by_label[3]
    assert by_label[12] > 1.2 * by_label[3]


def test_noise_has_the_standard_deviation_asked_for(head, quiet):
    noisy = simulate(head, echo_times=TIMES, noise=0.02, seed=1)
    difference = torch.polar(noisy.echoes.magnitude, noisy.echoes.phase) - torch.polar(
        quiet.echoes.magnitude, quiet.echoes.phase
    )
    for part in (difference.real, difference.imag):
        assert float(part.std()) == pytest.approx(0.02 * WHITE_MATTER_SIGNAL, rel=0.01)


def test_default_noise_is_realistic_in_white_matter(head):
    default = simulate(head, echo_times=(0.004, 0.012))
    white = inner_white(head)
    signal = default.echoes.magnitude[0][white].median()
    assert 50 < float(signal) / (0.0125 * WHITE_MATTER_SIGNAL) < 110


def inner_white(head) -> torch.Tensor:
    white = (head.labels == 3)[None, None].float()
    return -torch.nn.functional.max_pool3d(-white, 3, 1, 1)[0, 0] == 1


def test_record_carries_the_acquisition(head, quiet):
    assert quiet.echoes.echo_times == TIMES
    assert quiet.echoes.b0 == 3.0
    assert quiet.echoes.b0_dir == head.grid.b0_dir
    assert quiet.echoes.magnitude.shape == (3, *head.chi.shape)


def test_phase_grows_with_field_strength(head):
    flat = replace(head, chi=head.chi.clamp(max=1.0))
    low, high = (simulate(flat, echo_times=(0.001,), b0=b0, noise=0.0) for b0 in (1.5, 3.0))
    first = wrapped(low.echoes.phase[0] - low.phase_offset)
    second = wrapped(high.echoes.phase[0] - high.phase_offset)
    small = head.mask & (low.fields.total.abs() < 1)
    torch.testing.assert_close(2 * first[small], second[small], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ('times', 'message'),
    [((), 'positive'), ((4.0, 8.0), 'milliseconds'), ((0.01, 0.01), 'increase'),
     ((-0.01, 0.01), 'positive')],
)  # fmt: skip
def test_absurd_echo_times_are_refused(head, times, message):
    with pytest.raises(ValueError, match=message):
        simulate(head, echo_times=times)


@pytest.mark.parametrize(('b0', 'noise', 'message'), [(0.0, 0.0, 'b0'), (3.0, -1.0, 'noise')])
def test_absurd_scanner_is_refused(head, b0, noise, message):
    with pytest.raises(ValueError, match=message):
        simulate(head, b0=b0, noise=noise)
