import dataclasses

import pytest
import torch

from qsmnet_bids.fieldmap.relaxometry import FASTEST, relaxometry
from tests.simulated import simulate

SHAPE = (6, 7, 8)
TIMES = (0.004, 0.009, 0.018, 0.03)


def decay(rate, start, times=TIMES):
    head = simulate(shape=(8, 8, 8), echo_times=times)
    magnitude = torch.stack([start * torch.exp(-rate * time) for time in times])
    return dataclasses.replace(
        head.echoes, magnitude=magnitude.float(), phase=torch.zeros_like(magnitude).float()
    )


@pytest.mark.parametrize('n_echoes', [2, 3, 4])
@pytest.mark.parametrize('unit', [1.0, 1e4, 1e-6])
def test_a_clean_decay_is_recovered_exactly(n_echoes, unit, generator):
    rate = 5 + 95 * torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    start = unit * (0.2 + torch.rand(SHAPE, generator=generator, dtype=torch.float64))
    mask = torch.rand(SHAPE, generator=generator) > 0.2

    fit = relaxometry(decay(rate, start, TIMES[:n_echoes]), mask=mask)

    assert torch.allclose(fit.r2star[mask].double(), rate[mask], rtol=1e-3)
    assert torch.allclose(fit.s0[mask].double(), start[mask], rtol=1e-3)
    assert torch.allclose(fit.t2star[mask].double(), 1 / rate[mask], rtol=1e-3)
    for volume in (fit.r2star, fit.t2star, fit.s0):
        assert not volume[~mask].any()
        assert volume.dtype == torch.float32


def test_growth_and_sudden_loss_are_clamped():
    rate = torch.full(SHAPE, -20.0)
    rate[0] = 1500.0
    mask = torch.ones(SHAPE, dtype=torch.bool)

    fit = relaxometry(decay(rate, torch.ones(SHAPE)), mask=mask)

    assert not fit.r2star[1:].any()
    assert not fit.t2star[1:].any()
    assert (fit.r2star[0] == FASTEST).all()
    assert torch.isfinite(fit.s0).all()


def test_voxels_without_signal_stay_finite():
    echoes = decay(torch.zeros(SHAPE), torch.zeros(SHAPE))
    fit = relaxometry(echoes, mask=torch.ones(SHAPE, dtype=torch.bool))
    for volume in (fit.r2star, fit.t2star, fit.s0):
        assert torch.isfinite(volume).all()
    assert float(fit.s0.max()) < 1e-6


def test_noise_weights_favour_the_bright_echoes(generator):
    rate = torch.full((30, 30, 30), 60.0)
    echoes = decay(rate, torch.ones_like(rate))
    noise = 0.02 * torch.randn(echoes.magnitude.shape, generator=generator)
    noisy = dataclasses.replace(echoes, magnitude=(echoes.magnitude + noise).abs())
    fit = relaxometry(noisy, mask=torch.ones_like(rate, dtype=torch.bool))
    assert float(fit.r2star.median()) == pytest.approx(60, rel=0.01)
    # the Cramer-Rao bound for these echoes is 3.39 1/s
    assert float(fit.r2star.std()) < 3.6


def test_a_single_echo_is_refused():
    head = simulate(shape=(8, 8, 8), echo_times=(0.01,))
    with pytest.raises(ValueError, match='at least 2 echoes, got 1'):
        relaxometry(head.echoes, mask=head.brain)
