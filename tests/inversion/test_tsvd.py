import pytest
import torch

from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.inversion.tsvd import tsvd
from qsmnet_bids.physics.dipole import dipole_kernel, forward_field
from qsmnet_bids.tensors import LocalField
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_weaker_and_the_correction_overdoes_it(case):
    ball, local = sphere_in_field(*case)
    # the correction is right for a voxel; a sphere has lost less of its k-space
    assert contrast(tsvd(local), ball) < 0.8 * CHI
    assert CHI < contrast(tsvd(local, correction=True), ball) < 1.2 * CHI
    assert contrast(tsvd(local), ball) < contrast(tkd(local, correction=False), ball)


def test_a_voxel_keeps_the_share_of_k_space_that_is_not_left_out():
    point = torch.zeros(32, 32, 32)
    point[16, 16, 16] = 1.0
    field = forward_field(point, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    mask = torch.ones_like(point, dtype=torch.bool)
    local = LocalField(field, torch.zeros_like(field), mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    kernel = dipole_kernel((96, 96, 96), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    kept = float((kernel.abs() > 0.2).float().mean())
    assert float(tsvd(local, threshold=0.2).chi[16, 16, 16]) == pytest.approx(kept, rel=0.03)


@pytest.mark.parametrize('threshold', [0.0, 0.7])
def test_a_threshold_out_of_range_is_refused(threshold):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=r'threshold must be in \(0, 2/3\)'):
        tsvd(local, threshold=threshold)
