import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.fansi import MU, fansi, nonlinear_prox
from qsmnet_bids.inversion.second_order import GeneralisedStep
from qsmnet_bids.inversion.tv import tv
from qsmnet_bids.solvers.fixed_point import repeat
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('regularisation', ['tv', 'tgv'])
@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_within_a_tenth(case, regularisation):
    ball, local = sphere_in_field(*case, head=18.0)
    chi = fansi(local, regularisation=regularisation, max_iterations=40)
    assert contrast(chi, ball) == pytest.approx(CHI, rel=0.1)


def test_a_small_scale_is_total_variation_with_a_linear_data_term():
    _, local = sphere_in_field(*CASES[2], head=14.0)
    options = {'max_iterations': 15, 'tolerance': 0.0}
    linear = tv(local, mu=MU, **options).chi
    found = fansi(local, phase_scale=1e-2, **options).chi
    torch.testing.assert_close(found, linear, atol=1e-4, rtol=1e-3)


def test_a_wrap_in_one_voxel_is_not_seen_on_the_scale_of_the_phase():
    _, local = sphere_in_field(*CASES[0], head=18.0)
    wrapped = local.field.clone()
    wrapped[16, 16, 24] += 2 * torch.pi / 16
    wrong = dataclasses.replace(local, field=wrapped)

    def harm(method, **options):
        difference = method(wrong, **options).chi - method(local, **options).chi
        return float(difference.norm())

    assert harm(fansi, phase_scale=16.0, max_iterations=20) < 0.1 * harm(tv)


def test_the_split_field_is_a_stationary_point(generator):
    field, wanted = 0.05 * torch.randn(2, 6, 5, 4, generator=generator, dtype=torch.float64)
    weight = torch.rand(6, 5, 4, generator=generator, dtype=torch.float64)
    split = nonlinear_prox(field, weight, 8.0)(wanted)
    slope = weight * (8 * (split - field)).sin() / 8 + MU * (split - wanted)
    before = weight * (8 * (wanted - field)).sin() / 8
    assert float(slope.norm()) < 0.01 * float(before.norm())


def test_second_order_is_blind_to_a_slope_that_first_order_flattens():
    # a triangle wave along x: one slope up, one down, seen through no dipole
    ramp = (torch.arange(16) - 7.5).abs().double() - 4
    field = ramp[:, None, None].expand(16, 4, 4).clone()
    errors = {}
    for weight_of_second in (0.05, 50.0):
        step = GeneralisedStep(
            field / 2,
            torch.ones(16, 4, 3, dtype=torch.float64),
            (1.0, 1.0, 1.0),
            threshold=0.5,
            rho=1.0,
            rho0=weight_of_second,
            mu=1.0,
            prox=lambda wanted: (wanted + field) / 2,
        )
        found = repeat(step, step.start(), max_iterations=400, tolerance=1e-9).value
        errors[weight_of_second] = float((found - field).norm() / field.norm())
    assert errors[0.05] < 0.02
    # a large second weight leaves total variation, which lowers the extremes
    assert errors[50.0] > 5 * errors[0.05]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'alpha': 0.0}, 'alpha, alpha0 and rho must be positive'),
        ({'alpha0': -1.0}, 'alpha, alpha0 and rho must be positive'),
        ({'rho': 0.0}, 'alpha, alpha0 and rho must be positive'),
        ({'phase_scale': 0.0}, 'phase_scale must be positive'),
        ({'max_iterations': 0}, 'max_iterations must be at least 1'),
        ({'tolerance': -1.0}, 'tolerance at least 0'),
    ],
)
def test_bad_values_are_refused(options, message):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=message):
        fansi(local, **options)
