"""Measures of a map against closed forms."""

import dataclasses
import math

import pytest
import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.quality import quality_measures
from qsmnet_bids.tensors import ChiMap, LocalField

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
