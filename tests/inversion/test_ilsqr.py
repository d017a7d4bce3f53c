import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.ilsqr import ilsqr
from qsmnet_bids.inversion.tkd import tkd
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('weighting', ['noise', 'laplacian'])
@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_within_a_tenth(case, weighting):
    ball, local = sphere_in_field(*case, head=18.0)
    chi = ilsqr(local, weighting=weighting)
    assert 0.9 * CHI < contrast(chi, ball) < 1.1 * CHI
    assert not chi.chi[~local.mask].any()
    assert chi.convergence.n_iterations > 2


def streaks(chi, ball):
    surrounding = chi.mask & ~ball
    return float(chi.chi[surrounding].std())


def test_streaks_are_fewer_than_without_their_removal_and_than_those_of_division():
    ball, local = sphere_in_field(*CASES[0], head=18.0)
    generator = torch.Generator().manual_seed(4)
    noise = 0.003 * torch.randn(local.field.shape, generator=generator)
    noisy = dataclasses.replace(local, field=(local.field + noise) * local.mask)
    found = streaks(ilsqr(noisy), ball)
    assert found < 0.9 * streaks(ilsqr(noisy, cone_threshold=1e-6), ball)
    assert found < 0.9 * streaks(tkd(noisy), ball)


def test_a_field_error_that_is_rough_loses_its_weight():
    ball, local = sphere_in_field(*CASES[0], head=18.0)
    field = local.field.clone()
    field[34, 24, 24] += 0.5
    spoiled = dataclasses.replace(local, field=field)
    found = streaks(ilsqr(spoiled, weighting='laplacian'), ball)
    assert found < 0.75 * streaks(tkd(spoiled), ball)
    assert found < 0.75 * streaks(ilsqr(spoiled, weighting='mask'), ball)


def test_a_voxel_of_much_noise_loses_its_weight():
    ball, local = sphere_in_field(*CASES[0], head=18.0)
    field, noise = local.field.clone(), torch.full_like(local.field, 0.001)
    field[34, 24, 24] += 0.5
    noise[34, 24, 24] = 0.5
    spoiled = dataclasses.replace(local, field=field, noise=noise)
    assert streaks(ilsqr(spoiled), ball) < 0.75 * streaks(ilsqr(spoiled, weighting='mask'), ball)


@pytest.mark.parametrize(
    'options',
    [
        {'cone_threshold': 0.0},
        {'cone_threshold': 2 / 3},
        {'start_tolerance': -1.0},
        {'start_iterations': 0},
        {'tolerance': -1.0},
        {'max_iterations': 0},
    ],
)
def test_hyper_parameters_out_of_range_are_refused(options):
    _, local = sphere_in_field((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match='must be'):
        ilsqr(local, **options)
