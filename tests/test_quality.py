"""Measures of a map against closed forms."""

import dataclasses
import math

import pytest
import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.quality import (
    echo_measures,
    forward_residual,
    quality_measures,
    uncertainty_measures,
)
from qsmnet_bids.quality.coarse import asymmetry, harmonic_share
from qsmnet_bids.quality.masks import border_fraction, roughness
from qsmnet_bids.reports.measures import MEASURES
from qsmnet_bids.tensors import ChiMap, LocalField, TotalField
from tests.simulated import simulate

VOXEL_SIZE = (1.0, 2.0, 0.5)
B0_DIR = (0.0, 0.6, 0.8)


@pytest.fixture
def chi():
    """A smooth map: the discrete kernel of another grid must see the same."""
    axes = [(torch.arange(n) + 0.5) / n - 0.5 for n in (32, 24, 40)]
    x, y, z = torch.meshgrid(*axes, indexing='ij')
    mask = x**2 + y**2 + z**2 < 0.16
    values = torch.exp(-60 * (x**2 + y**2 + z**2)) - torch.exp(
        -80 * ((x - 0.1) ** 2 + y**2 + z**2)
    )
    return ChiMap(values * mask, mask, VOXEL_SIZE, B0_DIR)


@pytest.fixture
def local(chi):
    field = forward_field(chi.chi, voxel_size=VOXEL_SIZE, b0_dir=B0_DIR) * chi.mask
    return LocalField(field, 0.25 * chi.mask, chi.mask, VOXEL_SIZE, B0_DIR)


def test_true_map_leaves_no_residual(chi, local):
    measures = quality_measures(chi, local=local)
    assert measures['forward_residual_ppm'] < 1e-3
    assert measures['forward_residual_ratio'] < 0.01
    assert measures['field_noise_ppm'] == 0.25
    n_voxels = 4 / 3 * math.pi * 0.4**3 * chi.mask.numel()
    assert measures['mask_volume_ml'] == pytest.approx(n_voxels / 1000, rel=0.01)


def test_scaled_map_leaves_its_share(chi, local):
    wrong = dataclasses.replace(chi, chi=1.5 * chi.chi)
    assert quality_measures(wrong, local=local)['forward_residual_ratio'] == pytest.approx(
        0.5, abs=0.01
    )


def test_constant_in_the_field_does_not_count(chi, local):
    shifted = dataclasses.replace(local, field=(local.field + 3) * local.mask)
    assert quality_measures(chi, local=shifted)['forward_residual_ratio'] < 0.01


def test_residual_is_zero_outside_the_mask_and_on_average(chi, local):
    wrong = dataclasses.replace(chi, chi=1.5 * chi.chi)
    residual = forward_residual(wrong, local=local)
    assert not residual[~chi.mask].any()
    inside = residual[chi.mask]
    assert float(inside.mean()) == pytest.approx(0, abs=1e-6)
    expected = 0.5 * (local.field[chi.mask] - local.field[chi.mask].mean())
    torch.testing.assert_close(inside, expected, atol=2e-3, rtol=0)
    measures = quality_measures(wrong, local=local)
    assert measures == quality_measures(wrong, local=local, residual=residual)
    assert measures['forward_residual_ppm'] == pytest.approx(float(inside.std()), rel=1e-3)


def test_percentiles_are_those_of_the_mask(chi, local):
    ramp = torch.zeros_like(chi.chi)
    ramp[chi.mask] = torch.linspace(-1, 1, int(chi.mask.sum()))
    measures = quality_measures(dataclasses.replace(chi, chi=ramp), local=local)
    assert measures['chi_p50'] == pytest.approx(0.0, abs=0.01)
    assert measures['chi_p05'] == pytest.approx(-0.9, abs=0.01)
    assert measures['chi_p99'] == pytest.approx(0.98, abs=0.01)
    assert measures['chi_sd'] == pytest.approx(3**-0.5, rel=0.01)


def test_empty_mask_is_an_error(chi, local):
    empty = dataclasses.replace(chi, mask=torch.zeros_like(chi.mask))
    with pytest.raises(ValueError, match='the mask is empty'):
        quality_measures(empty, local=local)


def test_every_measure_is_listed(chi, local):
    head = simulate(shape=(24, 24, 24))
    total = TotalField(head.total, 0.01 * head.brain, head.brain, (1.0, 1.0, 1.0), B0_DIR)
    found = echo_measures(head.echoes, total=total, relaxation=None)
    uncertainty = uncertainty_measures(0.01 * chi.mask, mask=chi.mask)
    keys = set(found) | set(quality_measures(chi, local=local)) | set(uncertainty) | {'run_time_s'}
    assert keys == {measure.key for measure in MEASURES}


def test_ball_is_smooth_and_a_cut_ball_touches_the_border():
    axes = torch.meshgrid(*[torch.arange(40) - 19.5] * 3, indexing='ij')
    ball = sum(x**2 for x in axes) < 15**2
    assert roughness(ball, voxel_size=(1.0, 1.0, 1.0)) == pytest.approx(1, abs=0.05)
    assert border_fraction(ball) == 0
    assert border_fraction(ball[:, :, 20:]) == pytest.approx(1 / 4, abs=0.03)
    assert roughness(ball[::2], voxel_size=(2.0, 1.0, 1.0)) == pytest.approx(1, abs=0.07)


def test_harmonic_field_is_all_background_and_a_source_inside_is_none():
    axes = torch.meshgrid(*[torch.arange(24) - 11.5] * 3, indexing='ij')
    distance = sum(x**2 for x in axes)
    mask = distance < 100
    harmonic = (axes[0] ** 2 - axes[1] ** 2 + axes[2]) * mask
    assert harmonic_share(harmonic, mask) == pytest.approx(1, abs=0.05)
    assert harmonic_share(torch.exp(-distance / 8) * mask, mask) < 0.02


def test_mirror_image_has_no_asymmetry():
    chi = torch.zeros(20, 26, 22)
    chi[4:16, 2:24, 3:19] = torch.randn(12, 22, 16, generator=torch.Generator().manual_seed(0))
    mask = chi != 0
    even = chi + chi.flip(0)
    assert asymmetry(even, mask) == pytest.approx(0, abs=1e-5)
    assert asymmetry(chi, mask) == pytest.approx(1, abs=0.2)
