import dataclasses
import inspect

import pytest
import torch

from qsmnet_bids.background import METHODS
from qsmnet_bids.tensors import TotalField
from tests.simulated import simulate


@pytest.fixture(scope='module')
def head():
    return simulate(shape=(56, 56, 56))


def total_field(head):
    noise = 0.001 * head.brain
    echoes = head.echoes
    return TotalField(head.total, noise, head.brain, echoes.voxel_size, echoes.b0_dir)


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
        local = method(total)
        assert not (local.mask & ~head.brain).any()
        assert torch.isfinite(local.field).all()
        assert local.field.dtype == torch.float32
        assert not local.field[~local.mask].any()
        assert not local.noise[~local.mask].any()
        assert torch.equal(local.noise[local.mask], total.noise[local.mask])
        assert torch.equal(total.field, before)

    def test_it_is_better_than_doing_nothing(self, method, head):
        local = method(total_field(head))
        inside = local.mask

        def error(field):
            difference = (field - head.local)[inside]
            return float((difference - difference.mean()).norm())

        assert error(local.field) < 0.6 * error(head.total)

    def test_what_lies_outside_the_mask_does_not_matter(self, method, head):
        total = total_field(head)
        field = torch.where(head.brain, total.field, torch.tensor(1e3))
        assert torch.equal(
            method(dataclasses.replace(total, field=field)).field, method(total).field
        )

    def test_an_empty_mask_is_refused(self, method, head):
        total = dataclasses.replace(total_field(head), mask=torch.zeros_like(head.brain))
        with pytest.raises(ValueError, match='empty'):
            method(total)
