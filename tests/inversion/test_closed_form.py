import dataclasses
import math

import pytest
import torch

from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField
from tests.inversion.spheres import CASES, sphere_in_field


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('method', [tkd, tikhonov])
def test_a_sphere_comes_back_with_sign_and_scale(method, case):
    ball, local = sphere_in_field(*case)
    chi = method(local).chi
    surrounding = float(chi[~ball].mean())
    assert float(chi[ball].mean()) - surrounding == pytest.approx(0.3, rel=0.12)


@pytest.mark.parametrize('method', [tkd, tikhonov])
def test_without_correction_the_map_is_weaker_by_one_factor(method):
    ball, local = sphere_in_field(*CASES[0])
    corrected, plain = method(local).chi, method(local, correction=False).chi
    factor = float(plain[ball].mean() / corrected[ball].mean())
    assert 0.6 < factor < 0.99
    assert torch.allclose(plain, factor * corrected, atol=1e-4)


@pytest.mark.parametrize('method', [tkd, tikhonov])
def test_the_correction_restores_a_single_voxel(method):
    point = torch.zeros(32, 32, 32)
    point[16, 16, 16] = 1.0
    field = forward_field(point, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    mask = torch.ones_like(point, dtype=torch.bool)
    local = LocalField(field, torch.zeros_like(field), mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    assert float(method(local).chi[16, 16, 16]) == pytest.approx(1, rel=0.02)


def test_the_limit_of_small_penalties_is_division():
    _, local = sphere_in_field(*CASES[0])
    loose = tikhonov(local, alpha=1e-5, correction=False).chi
    field = forward_field(loose, voxel_size=local.voxel_size, b0_dir=local.b0_dir)
    centre = (slice(8, -8),) * 3
    error = (field - local.field)[centre]
    assert float(error.norm()) < 0.05 * float(local.field[centre].norm())


def test_the_gradient_penalty_smooths():
    _, local = sphere_in_field(*CASES[0])
    generator = torch.Generator().manual_seed(3)
    noise = 0.02 * torch.randn(local.field.shape, generator=generator)
    noisy = dataclasses.replace(local, field=local.field + noise)

    def roughness(chi):
        return float(torch.diff(chi, dim=0).square().mean())

    rough = tikhonov(noisy, correction=False).chi
    smooth = tikhonov(noisy, gradient_weight=0.1, correction=False).chi
    assert roughness(smooth) < 0.3 * roughness(rough)


def test_the_penalty_follows_the_noise_if_asked():
    _, local = sphere_in_field(*CASES[0], head=20.0)
    power = float(local.field[local.mask].square().mean())
    noise = math.sqrt(power / 5) * local.mask
    noisy = dataclasses.replace(local, noise=noise)
    # a fifth of the power is noise: 4/45 / (5 - 1)
    expected = tikhonov(local, alpha=1 / 45).chi
    torch.testing.assert_close(tikhonov(noisy, by_noise=True).chi, expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match='by_noise must be False where the noise is not known'):
        tikhonov(local, by_noise=True)


def test_sources_at_opposite_ends_do_not_meet():
    shape = (24, 24, 48)
    chi = torch.zeros(shape)
    chi[10:14, 10:14, 44:] = 1.0
    field = forward_field(chi, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    mask = torch.ones(shape, dtype=torch.bool)
    local = LocalField(field, torch.zeros_like(field), mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    found = tkd(local).chi
    assert float(found[10:14, 10:14, 44:].mean()) > 0.5
    assert float(found[:, :, :4].abs().mean()) < 0.02


@pytest.mark.parametrize(
    'call',
    [
        lambda local: tkd(local, threshold=0.0),
        lambda local: tkd(local, threshold=2 / 3),
        lambda local: tikhonov(local, alpha=-1.0),
        lambda local: tikhonov(local, alpha=0.0),
    ],
)
def test_penalties_out_of_range_are_refused(call):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=r'threshold must be in|must be at least 0'):
        call(local)
