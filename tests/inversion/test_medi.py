import dataclasses
import math

import pytest
import torch

from qsmnet_bids.inversion.medi import medi
from qsmnet_bids.inversion.morphology import differences, smooth_places, stiff_laplacian
from qsmnet_bids.inversion.padded import pad_field
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField
from tests.simulated import coordinates, simulate

CASES = [
    ((36, 36, 36), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ((36, 36, 36), (1.0, 1.0, 1.0), (0.0, 0.5, math.sqrt(0.75))),
    ((44, 44, 18), (0.8, 0.8, 2.0), (0.36, 0.48, 0.8)),
]


def ball_in_brain(shape, voxel_size, b0_dir, *, noise=0.0):
    distance = coordinates(shape, voxel_size).square().sum(0).sqrt()
    brain, ball = distance < 15, distance < 5
    field = forward_field(0.3 * ball, voxel_size=voxel_size, b0_dir=b0_dir)
    generator = torch.Generator().manual_seed(5)
    field = (field + noise * torch.randn(shape, generator=generator)) * brain
    magnitude = brain * (1.0 - 0.3 * ball)
    return ball, LocalField(
        field, noise * brain, brain, voxel_size, b0_dir, magnitude=magnitude.float()
    )


def contrast(chi, ball):
    return float(chi.chi[ball].mean() - chi.chi[chi.mask & ~ball].mean())


def streaks(chi, truth):
    error = (chi.chi - truth)[chi.mask]
    return float(error.std())


@pytest.mark.parametrize('case', CASES)
def test_a_ball_comes_back_within_a_tenth(case):
    ball, local = ball_in_brain(*case)
    chi = medi(local)
    assert contrast(chi, ball) == pytest.approx(0.3, rel=0.1)
    assert not chi.chi[~local.mask].any()
    assert chi.convergence.n_iterations >= 1


def test_streaks_are_fewer_than_those_of_division():
    ball, local = ball_in_brain(*CASES[0], noise=0.003)
    truth = 0.3 * ball
    assert streaks(medi(local, alpha=3e-4), truth) < 0.5 * streaks(tkd(local), truth)


def test_edges_of_the_magnitude_keep_the_map_sharp():
    ball, local = ball_in_brain(*CASES[0])
    flat = dataclasses.replace(local, magnitude=local.mask.float())
    with_edges, without = (contrast(medi(v, alpha=3e-3), ball) for v in (local, flat))
    assert abs(with_edges - 0.3) < 0.7 * abs(without - 0.3)


def test_a_whole_turn_counts_for_nothing_unless_the_data_term_is_linear():
    ball, local = ball_in_brain(*CASES[0])
    field = local.field.clone()
    field[26:29, 18, 18] += 2 * math.pi / 6.4  # an error of unwrapping
    wrapped = dataclasses.replace(local, field=field)
    truth = 0.3 * ball
    nonlinear = streaks(medi(wrapped), truth)
    assert nonlinear < 0.6 * streaks(medi(wrapped, radians_per_ppm=0.0), truth)


def test_outliers_lose_their_weight():
    ball, local = ball_in_brain(*CASES[0], noise=0.002)
    field = local.field.clone()
    field[26:28, 18, 18:20] += 0.3
    spoiled = dataclasses.replace(local, field=field)
    truth = 0.3 * ball
    options = {'radians_per_ppm': 0.0, 'alpha': 3e-4}
    assert streaks(medi(spoiled, merit=True, **options), truth) < 0.8 * streaks(
        medi(spoiled, **options), truth
    )


def test_the_sphere_takes_what_is_left_of_the_background():
    ball, local = ball_in_brain(*CASES[0])
    offsets = coordinates(*CASES[0][:2])
    background = 0.002 * offsets[0] * local.mask  # harmonic
    left = dataclasses.replace(local, field=local.field + background)
    truth = 0.3 * ball
    with_sphere = medi(left, smv_radius_mm=3.0)
    centre = coordinates(*CASES[0][:2]).square().sum(0) < 10**2
    errors = [float((v.chi - truth)[centre].std()) for v in (with_sphere, medi(left))]
    assert errors[0] < 0.7 * errors[1]


def test_the_fluid_is_even_and_zero():
    shape = (48, 48, 48)
    distance = coordinates(shape, (1.0, 1.0, 1.0)).square().sum(0).sqrt()
    brain, ventricle = distance < 22, distance < 5
    chi = 0.05 * ventricle + 0.1 * (brain & (coordinates(shape, (1.0,) * 3)[0] > 8))
    field = forward_field(chi, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    generator = torch.Generator().manual_seed(3)
    field = (field + 0.003 * torch.randn(shape, generator=generator)) * brain
    r2star = torch.where(ventricle, 2.0, 20.0) * brain
    local = LocalField(
        field,
        0.003 * brain,
        brain,
        (1.0, 1.0, 1.0),
        (0.0, 0.0, 1.0),
        magnitude=brain.float(),
        r2star=r2star,
    )
    plain, zeroed = medi(local, alpha=2e-5), medi(local, alpha=2e-5, csf_weight=0.5)
    assert float(zeroed.chi[ventricle].mean()) == pytest.approx(0, abs=1e-5)
    assert float(zeroed.chi[ventricle].std()) < 0.5 * float(plain.chi[ventricle].std())
    assert zeroed.reference == 'cerebrospinal fluid'
    assert plain.reference == 'none'


def test_the_stiffness_is_symmetric_and_agrees_with_the_differences():
    generator = torch.Generator().manual_seed(1)
    left, right = torch.randn(2, 5, 6, 7, generator=generator, dtype=torch.float64)
    stiffness = torch.rand(3, 5, 6, 7, generator=generator, dtype=torch.float64)
    size = (1.0, 0.5, 2.0)
    energy = (differences(left, size) * stiffness * differences(right, size)).sum()
    assert float((left * stiff_laplacian(right, stiffness, size)).sum()) == pytest.approx(
        float(energy), rel=1e-12
    )


def test_so_many_differences_are_edges_as_are_asked_for():
    head = simulate(shape=(32, 32, 32), noise=0.02)
    magnitude = head.echoes.magnitude[0]
    local = LocalField(
        head.local, head.local, head.brain, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), magnitude=magnitude
    )
    padded = pad_field(local)
    smooth = smooth_places(padded, edge_fraction=0.3)
    assert float(smooth[:, padded.inside].mean()) == pytest.approx(0.7, abs=0.01)
    assert smooth[:, ~padded.inside].all()


@pytest.mark.parametrize(
    'options',
    [
        {'alpha': 0.0},
        {'edge_fraction': 1.0},
        {'radians_per_ppm': -1.0},
        {'smv_radius_mm': -1.0},
        {'csf_weight': -1.0},
        {'csf_weight': 0.1},  # no R2*
        {'max_iterations': 0},
        {'cg_iterations': 0},
        {'tolerance': -1.0},
    ],
)
def test_hyper_parameters_out_of_range_are_refused(options):
    _, local = ball_in_brain((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match='must be'):
        medi(local, **options)


def test_without_a_magnitude_it_says_so():
    _, local = ball_in_brain((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match='magnitude'):
        medi(dataclasses.replace(local, magnitude=None))
