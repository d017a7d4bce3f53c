import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.padded import pad_field
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.inversion.tv import tv
from qsmnet_bids.physics.dipole import convolve
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_within_a_tenth(case):
    ball, local = sphere_in_field(*case, head=20.0)
    chi = tv(local)
    assert contrast(chi, ball) == pytest.approx(CHI, rel=0.1)
    assert chi.convergence is not None
    assert chi.convergence.converged


def test_it_is_nearer_to_a_noisy_sphere_than_division(generator):
    ball, local = sphere_in_field(*CASES[1], head=20.0)
    noise = 0.01 * torch.randn(local.field.shape, generator=generator) * local.mask
    noisy = dataclasses.replace(local, field=local.field + noise)
    errors = [float((method(noisy).chi - CHI * ball)[local.mask].std()) for method in (tv, tkd)]
    assert errors[0] < 0.6 * errors[1]


def test_noise_decides_what_is_believed():
    ball, local = sphere_in_field(*CASES[0], head=20.0)
    noise = 0.01 * local.mask
    noise[:24] *= 10
    wrong = local.field.clone()
    wrong[10:14] += 0.1 * local.mask[10:14]
    noisy = dataclasses.replace(local, field=wrong, noise=noise)
    errors = [
        float((tv(noisy, weighting=how).chi - CHI * ball)[24:].std()) for how in ('noise', 'mask')
    ]
    assert errors[0] < 0.9 * errors[1]


def test_more_iterations_lower_the_objective():
    _, local = sphere_in_field(*CASES[2], head=14.0)
    padded = pad_field(local)
    alpha = 2e-3

    def objective(n_iterations):
        chi = tv(
            local, alpha=alpha, weighting='none', max_iterations=n_iterations, tolerance=0.0
        ).chi[padded.box]
        # the map is cut to the mask, so only its own field is compared
        volume = torch.zeros(padded.shape)
        volume[tuple(slice(n) for n in chi.shape)] = chi
        residual = convolve(volume, padded.kernel) - padded.field
        slopes = sum(
            float(((volume.roll(-1, axis) - volume) / size).abs().sum())
            for axis, size in enumerate(local.voxel_size)
        )
        return 0.5 * float(residual.square().sum()) + alpha * slopes

    assert objective(40) < objective(4) < objective(1)


def test_a_field_at_the_upper_border_does_not_reach_the_lower():
    _, local = sphere_in_field((24, 24, 48), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), radius=3.0)
    moved = dataclasses.replace(local, field=local.field.roll(20, 2))
    chi = tv(moved, weighting='none').chi
    assert float(chi[9:15, 9:15, 42:46].mean()) > 0.5 * CHI
    assert float(chi[:, :, :4].abs().mean()) < 0.02


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'alpha': 0.0}, 'alpha, rho and mu must be positive'),
        ({'rho': -1.0}, 'alpha, rho and mu must be positive'),
        ({'mu': 0.0}, 'alpha, rho and mu must be positive'),
        ({'max_iterations': 0}, 'max_iterations must be at least 1'),
        ({'tolerance': -0.1}, 'tolerance at least 0'),
    ],
)
def test_bad_values_are_refused(options, message):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=message):
        tv(local, **options)
