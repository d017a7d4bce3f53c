import math

import pytest
import torch

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.judge import LEAST_SIGN, judge, referenced, signs, weighed
from qsmnet_bids.physics.dipole import dipole_kernel

SHAPE = (16, 16, 16)
KERNEL = dipole_kernel(SHAPE, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))[None]


def given():
    """Three maps, the first of which explains the field but for sources outside."""
    generator = torch.Generator().manual_seed(0)
    known = torch.zeros(1, 1, *SHAPE)
    known[..., 3:13, 3:13, 3:13] = 1
    maps = torch.randn((1, 3, *SHAPE), generator=generator) * known
    outer = torch.randn((1, 1, *SHAPE), generator=generator) * known
    field = (convolve(maps[:, :1], KERNEL) + outer) * known
    noise = 0.1 * known
    return maps, field, outer, noise, known


def signs_of(maps, field, outer, noise, known, relied=None):
    relied = torch.ones_like(known) if relied is None else relied
    return signs(maps, field, outer, noise, KERNEL, known, relied)[0]


def test_before_it_has_learnt_maps_count_alike_and_smooth_errors_speak_for_dear_sources_outside():
    fresh = judge(3)
    shares = weighed(fresh, torch.randn(3, 10), torch.tensor([0.0, 2.0, 6.0]))
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    torch.testing.assert_close(shares[0], torch.full((3,), 1 / 3))
    assert (shares[:, -1].diff() > 0).all()
    assert (shares[:, 0].diff() < 0).all()


def test_the_signs_tell_residuals_and_differences_as_shares():
    maps, field, outer, noise, known = given()
    found = signs_of(*given())
    assert found.shape == (judge(3)[0].in_features,)
    whole = field.square().sum()
    assert found[0] == pytest.approx(math.log(outer.norm() / whole.sqrt() + LEAST_SIGN), rel=1e-5)
    assert found[1] == pytest.approx(math.log(noise.norm() / whole.sqrt() + LEAST_SIGN), rel=1e-5)
    assert found[2] == pytest.approx(math.log(LEAST_SIGN), abs=1e-3)
    left = (convolve(maps[:, 1:2], KERNEL) - field + outer) * known
    assert found[3] == pytest.approx(math.log(left.norm() / whole.sqrt() + LEAST_SIGN), rel=1e-5)
    seen = referenced(maps, known)
    change = (seen[:, 0] - seen[:, 1]).norm() / seen[:, 0].norm()
    assert found[6] == pytest.approx(math.log(change + LEAST_SIGN), rel=1e-5)


def test_neither_the_unit_nor_a_map_s_mean_changes_how_maps_differ():
    maps, field, outer, noise, known = given()
    found = signs_of(maps, field, outer, noise, known)
    larger = signs_of(*(50 * part for part in (maps, field, outer, noise)), known)
    torch.testing.assert_close(larger, found)
    torch.testing.assert_close(signs_of(maps + 3, field, outer, noise, known)[6:], found[6:])


def test_voxels_that_are_not_relied_on_count_nothing_in_a_residual():
    maps, field, outer, noise, known = given()
    relied = torch.ones_like(known)
    relied[..., 8, 8, 8] = 0
    wrong = field.clone()
    wrong[..., 8, 8, 8] += 10
    found = signs_of(maps, wrong, outer, noise, known, relied)
    assert found[2] == pytest.approx(math.log(LEAST_SIGN), abs=1e-3)
    assert signs_of(maps, wrong, outer, noise, known)[2] > math.log(0.1)


def test_what_is_left_near_the_border_has_a_sign_of_its_own():
    maps, field, outer, noise, known = given()
    border = field.clone()
    border[..., 3, :, :] += 5 * known[..., 3, :, :]
    middle = field.clone()
    middle[..., 8, 8, 8] += 50
    signed = [signs_of(maps, one, outer, noise, known) for one in (border, middle)]
    shares = [(one[[5, 9]].exp() - LEAST_SIGN).square() for one in signed]
    assert shares[0][1] > 0.6 * shares[0][0]
    assert shares[1][1] < 0.3 * shares[1][0]
