import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.networks.uncertainty import SYMMETRIES, ensemble, turned, turned_back
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField

VOXEL, B0_DIR = (1.0, 1.5, 2.0), (0.48, 0.6, 0.64)


def random_field(generator, noise=0.01):
    chi = torch.randn(12, 10, 8, generator=generator)
    field = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR)
    mask = torch.rand(12, 10, 8, generator=generator) < 0.8
    return LocalField(field * mask, noise * mask, mask, VOXEL, B0_DIR), chi


def invert(local):
    return tikhonov(local, alpha=0.05).chi


def test_there_are_48_different_symmetries():
    assert len(set(SYMMETRIES)) == 48
    assert SYMMETRIES[0] == ((0, 1, 2), ())


@pytest.mark.parametrize('symmetry', SYMMETRIES)
def test_physics_is_the_same_on_turned_axes(symmetry, generator):
    local, chi = random_field(generator)
    whole = dataclasses.replace(local, field=chi, mask=torch.ones_like(local.mask))
    there = turned(whole, symmetry)
    field = forward_field(there.field, voxel_size=there.voxel_size, b0_dir=there.b0_dir)
    expected = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR)
    torch.testing.assert_close(turned_back(field, symmetry), expected, atol=1e-4, rtol=1e-3)


def test_a_method_that_respects_the_symmetries_is_sure_of_itself(generator):
    local, _ = random_field(generator)
    result = ensemble(local, method=invert, n_members=8, with_noise=False)
    torch.testing.assert_close(result.mean, invert(local), atol=1e-4, rtol=1e-3)
    assert float(result.deviation.max()) < 1e-3 * float(result.mean.abs().max())


def test_noise_becomes_deviation_in_proportion(generator):
    local, _ = random_field(generator, noise=0.02)
    quiet = dataclasses.replace(local, noise=0.5 * local.noise)
    loud = ensemble(local, method=invert, n_members=8)
    half = ensemble(quiet, method=invert, n_members=8)
    torch.testing.assert_close(half.deviation, 0.5 * loud.deviation, atol=1e-4, rtol=1e-2)
    # pairs of opposite noise leave a linear method's mean alone
    torch.testing.assert_close(loud.mean, invert(local), atol=1e-4, rtol=1e-3)


def test_the_deviation_is_that_of_the_method_under_noise(generator):
    local, _ = random_field(generator, noise=0.02)
    maps = torch.stack(
        [
            invert(
                dataclasses.replace(
                    local,
                    field=local.field
                    + local.noise * torch.randn(local.field.shape, generator=generator),
                )
            )
            for _ in range(100)
        ]
    )
    found = ensemble(local, method=invert, n_members=48).deviation[local.mask]
    expected = maps.std(dim=0)[local.mask]
    assert float(found.square().mean()) == pytest.approx(float(expected.square().mean()), rel=0.1)


def test_the_factor_scales_and_the_seed_decides(generator):
    local, _ = random_field(generator)
    once = ensemble(local, method=invert, n_members=4)
    twice = ensemble(local, method=invert, n_members=4, factor=2.0)
    other = ensemble(local, method=invert, n_members=4, seed=1)
    torch.testing.assert_close(twice.deviation, 2 * once.deviation)
    assert not torch.allclose(other.deviation, once.deviation, rtol=1e-2)
    assert not once.deviation[~local.mask].any()


@pytest.mark.parametrize('options', [{'n_members': 1}, {'n_members': 49}, {'factor': 0.0}])
def test_bad_values_are_refused(options, generator):
    with pytest.raises(ValueError, match='must be'):
        ensemble(random_field(generator)[0], method=invert, **options)
