import math

import pytest
import torch

from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.networks.closed_form import (
    N_CHANNELS,
    PENALTIES,
    closed_form,
    inversions,
    local_field,
    trust,
)
from qsmnet_bids.physics.dipole import dipole_kernel, forward_field
from qsmnet_bids.tensors import LocalField
from tests.networks.samples import random_sample, scaled
from tests.simulated import coordinates, simulate

CASES = [
    ((48, 48, 48), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ((48, 40, 48), (1.0, 1.0, 1.0), (0.0, 0.5, math.sqrt(0.75))),
    ((60, 60, 24), (0.8, 0.8, 2.0), (0.36, 0.48, 0.8)),
]


def given(head):
    echoes = head.echoes
    kernel = dipole_kernel(tuple(head.chi.shape), echoes.voxel_size, echoes.b0_dir)[None]
    mask = head.brain.float()[None, None]
    return mask, 0.001 * mask, kernel


def relative_error(found, truth, mask):
    difference, truth = (found - truth)[mask], truth[mask]
    return float((difference - difference.mean()).norm() / (truth - truth.mean()).norm())


@pytest.mark.parametrize('task', ['dipole', 'background', 'onestep'])
def test_shape_mask_and_proportionality(task):
    sample = random_sample()

    def estimate(one):
        return closed_form(one.field, one.mask, one.noise, one.kernel, task=task)

    found = estimate(sample)
    assert found.shape == (2, N_CHANNELS[task], 16, 16, 16)
    assert not found[(sample.mask == 0).expand_as(found)].any()
    torch.testing.assert_close(estimate(scaled(sample, 16.0)), 16 * found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_for_any_voxel_and_direction(case):
    shape, voxel_size, b0_dir = case
    ball = coordinates(shape, voxel_size).square().sum(0).sqrt() < 6
    kernel = dipole_kernel(shape, voxel_size, b0_dir)[None]
    field = forward_field(0.3 * ball, voxel_size=voxel_size, b0_dir=b0_dir, margin_mm=0)
    mask = torch.ones_like(field)[None, None]
    sharp, smooth = inversions(field[None, None], mask, 0 * mask, kernel)[0]
    for chi in (sharp, smooth):
        contrast = float(chi[ball].mean() - chi[~ball].mean())
        assert contrast == pytest.approx(0.3, rel=0.15)


def test_without_noise_it_is_the_classical_inversion():
    head = simulate(shape=(32, 32, 32))
    mask = torch.ones_like(head.local)
    kernel = dipole_kernel((48, 48, 48), head.echoes.voxel_size, head.echoes.b0_dir)[None]
    batch = (head.local[None, None], mask[None, None], 0 * mask[None, None], kernel)
    local = LocalField(head.local, 0 * mask, mask > 0, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    expected = tikhonov(local, alpha=PENALTIES[0][0]).chi
    torch.testing.assert_close(inversions(*batch)[0, 0], expected, atol=1e-5, rtol=1e-4)


def test_noise_smooths():
    head = simulate(shape=(32, 32, 32))
    mask, noise, kernel = given(head)
    local = (head.local * head.brain)[None, None]
    clean = inversions(local, mask, noise, kernel)
    noisy = inversions(local, mask, 30 * noise, kernel)

    def roughness(chi):
        return float(chi.diff(dim=2).square().mean() / chi.square().mean())

    assert roughness(noisy) < 0.8 * roughness(clean)


def test_the_background_goes_without_erosion():
    head = simulate(shape=(48, 48, 48))
    mask, noise, kernel = given(head)
    found = local_field((head.total * head.brain)[None, None], mask, noise, kernel)[0, 0]
    before = relative_error(head.total, head.local, head.brain)
    # what is left is the part of the local field that sources outside would explain as well
    assert relative_error(found, head.local, head.brain) < 0.4 * before


def test_a_field_that_dipoles_outside_explain_vanishes(generator):
    kernel = dipole_kernel((32, 32, 32), (1.0, 1.0, 1.0), (0.0, 0.6, 0.8))[None]
    distance = coordinates((32, 32, 32), (1.0, 1.0, 1.0)).square().sum(0).sqrt()
    mask = (distance < 9).float()[None, None]
    chi = torch.randn(32, 32, 32, generator=generator) * (distance > 12)
    field = forward_field(chi, voxel_size=(1.0,) * 3, b0_dir=(0.0, 0.6, 0.8), margin_mm=0)
    total = field[None, None] * mask
    left = [
        float(local_field(total, mask, 0 * mask, kernel, n_iterations=n).norm() / total.norm())
        for n in (1, 5, 20)
    ]
    assert left[0] > left[1] > left[2]
    assert left[2] < 0.1


def test_trust_falls_with_the_noise_of_the_voxel():
    mask = torch.ones(1, 1, 2, 2, 1)
    noise = torch.tensor([0.0, 1.0, 1.0, 2.0]).reshape(1, 1, 2, 2, 1)
    found = trust(noise, mask).flatten().tolist()
    assert found == pytest.approx([2.0, 1.0, 1.0, 0.4])
    # noise that is nowhere tells as little as noise that is the same everywhere
    assert trust(0 * noise, mask).flatten().tolist() == [1.0] * 4
    assert trust(0 * noise + 0.002, mask).flatten().tolist() == [1.0] * 4
