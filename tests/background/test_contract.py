import dataclasses
import inspect

import pytest
import torch

from qsmnet_bids.background import METHODS
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates, simulate

REST_OF_A_DIPOLE = {'highpass': 0.5, 'harmonics': 0.2, 'sharp': 0.1}
"""Share of an outer dipole's field that a method may leave; 0.05 for those not named."""
ERROR_OF_A_BALL = {'highpass': 0.9, 'harmonics': 0.6, 'sharp': 0.5}
"""Relative error of the field of a ball inside that a method may make; 0.25 for the others."""
NEED_ROOM = {'sharp', 'resharp', 'ismv', 'lbv', 'backgroundnet'}
"""Methods that refuse a mask into which their sphere does not fit."""
GRIDS = [((44, 44, 44), (1.0, 1.0, 1.0)), ((48, 48, 22), (0.9, 0.9, 2.0))]
B0_DIR = (0.0, 0.6, 0.8)
QUICK = {'pdf': {'margin': 10.0}}
"""Parameters that save time where the volume is small."""


def split(method, total):
    return method(total, **QUICK.get(method.__name__, {}))


@pytest.fixture(scope='module')
def head():
    return simulate(shape=(44, 44, 44))


def total_field(head):
    noise = 0.001 * head.brain
    echoes = head.echoes
    return TotalField(head.total, noise, head.brain, echoes.voxel_size, echoes.b0_dir)


def as_total(field, mask, voxel_size):
    return TotalField(field, 0.001 * mask, mask, voxel_size, B0_DIR)


def distance(shape, voxel_size, centre=(0.0, 0.0, 0.0)):
    offsets = coordinates(shape, voxel_size) - torch.tensor(centre).view(3, 1, 1, 1)
    return offsets.square().sum(0).sqrt()


def outer_dipole(shape, voxel_size, place=(0.0, 8.0, 25.0)):
    source = coordinates(shape, voxel_size) - torch.tensor(place).view(3, 1, 1, 1)
    far = source.square().sum(0).sqrt()
    cosine = sum(b * part for b, part in zip(B0_DIR, source, strict=True)) / far
    return 1000 * (3 * cosine**2 - 1) / far**3


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        total, *options = inspect.signature(method).parameters.values()
        assert total.name == 'total'
        assert all(o.kind is o.KEYWORD_ONLY and o.default is not o.empty for o in options)
        assert METHODS[method.__name__] is method

    def test_the_local_field_is_zero_outside_a_mask_that_is_no_larger(self, method, head):
        total = total_field(head)
        before = total.field.clone()
        local = split(method, total)
        assert not (local.mask & ~head.brain).any()
        assert torch.isfinite(local.field).all()
        assert local.field.dtype == torch.float32
        assert not local.field[~local.mask].any()
        assert not local.noise[~local.mask].any()
        assert torch.equal(local.noise[local.mask], total.noise[local.mask])
        assert torch.equal(total.field, before)
        assert local.magnitude is None
        assert local.r2star is None

    def test_what_was_removed_makes_it_the_total_field_again(self, method, head):
        total = total_field(head)
        local = split(method, total)
        again = local.field + local.removed.field
        torch.testing.assert_close(again, torch.where(total.mask, total.field, 0))
        assert torch.equal(local.removed.mask, total.mask)
        assert torch.equal(local.removed.noise, total.noise)

    def test_magnitude_and_r2star_are_passed_on(self, method, head):
        magnitude, r2star = head.echoes.magnitude[0], 20 + head.echoes.magnitude[1]
        total = dataclasses.replace(total_field(head), magnitude=magnitude, r2star=r2star)
        local = split(method, total)
        assert torch.equal(local.magnitude, magnitude * local.mask)
        assert torch.equal(local.r2star, r2star * local.mask)

    def test_it_is_better_than_doing_nothing(self, method, head):
        local = split(method, total_field(head))
        inside = local.mask

        def error(field):
            difference = (field - head.local)[inside]
            return float((difference - difference.mean()).norm())

        assert error(local.field) < 0.6 * error(head.total)

    def test_what_lies_outside_the_mask_does_not_matter(self, method, head):
        total = total_field(head)
        field = torch.where(head.brain, total.field, torch.tensor(float('nan')))
        assert torch.equal(
            split(method, dataclasses.replace(total, field=field)).field,
            split(method, total).field,
        )

    def test_an_empty_mask_is_refused(self, method, head):
        total = dataclasses.replace(total_field(head), mask=torch.zeros_like(head.brain))
        with pytest.raises(ValueError, match='empty'):
            split(method, total)

    @pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
    def test_the_field_of_a_dipole_outside_is_removed(self, method, shape, voxel_size):
        mask = distance(shape, voxel_size) < 17
        field = outer_dipole(shape, voxel_size) + 0.2

        local = split(method, as_total(field, mask, voxel_size))

        inside = local.mask
        rest = float(local.field[inside].norm() / field[inside].norm())
        assert rest < REST_OF_A_DIPOLE.get(method.__name__, 0.05)

    @pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
    def test_the_field_of_a_source_inside_is_kept(self, method, shape, voxel_size):
        mask = distance(shape, voxel_size) < 17
        ball = distance(shape, voxel_size) < 3
        field = forward_field(0.5 * ball, voxel_size=voxel_size, b0_dir=B0_DIR)

        local = split(method, as_total(field, mask, voxel_size))

        inside = local.mask
        error = float((local.field - field)[inside].norm() / field[inside].norm())
        assert error < ERROR_OF_A_BALL.get(method.__name__, 0.25)

    def test_no_field_stays_no_field(self, method, head):
        total = dataclasses.replace(total_field(head), field=torch.zeros_like(head.total))
        assert not split(method, total).field.any()

    def test_the_field_may_have_any_scale(self, method, head, monkeypatch):
        # bfloat16 rounds another field otherwise
        monkeypatch.setattr('qsmnet_bids.networks.tiling.fast_bfloat16', lambda _: False)
        total = total_field(head)
        local = split(method, total).field
        strong = dataclasses.replace(total, field=10 * total.field, noise=10 * total.noise)
        tenfold = split(method, strong).field
        assert torch.allclose(tenfold, 10 * local, atol=1e-3 * float(tenfold.abs().max()))

    def test_double_precision_stays(self, method, head):
        total = total_field(head)
        double = dataclasses.replace(total, field=total.field.double(), noise=total.noise.double())
        local = split(method, double)
        assert local.field.dtype == torch.float64
        single = split(method, total).field
        assert torch.allclose(local.field.float(), single, atol=0.01 * float(single.abs().max()))

    def test_a_mask_may_have_two_parts(self, method):
        shape, voxel_size = (72, 36, 36), (1.0, 1.0, 1.0)
        left, right = ((distance(shape, voxel_size, (x, 0.0, 0.0)) < 15) for x in (-18.0, 18.0))
        field = outer_dipole(shape, voxel_size, (-18.0, 8.0, 28.0)) + 0.2
        rest = field.clone()
        local = split(method, as_total(field, left | right, voxel_size))
        for part in (left, right):
            inside = local.mask & part
            assert inside.any()
            assert torch.isfinite(local.field[inside]).all()
        inside = local.mask
        rest = float(local.field[inside].norm() / field[inside].norm())
        assert rest < 2 * REST_OF_A_DIPOLE.get(method.__name__, 0.05)

    def test_a_tiny_mask_gives_a_result_or_is_refused(self, method):
        mask = torch.zeros(20, 20, 20, dtype=torch.bool)
        mask[8:12, 9:12, 9:12] = True
        total = as_total(outer_dipole((20, 20, 20), (1.0, 1.0, 1.0)), mask, (1.0, 1.0, 1.0))
        if method.__name__ in NEED_ROOM:
            with pytest.raises(ValueError, match='too thin'):
                split(method, total)
        else:
            assert torch.isfinite(split(method, total).field).all()
