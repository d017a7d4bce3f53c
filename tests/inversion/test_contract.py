import dataclasses
import inspect

import pytest
import torch

from qsmnet_bids.inversion import METHODS
from qsmnet_bids.tensors import LocalField, Removed
from tests.simulated import simulate


@pytest.fixture(scope='module')
def head():
    return simulate()


def local_field(head):
    echoes = head.echoes
    return LocalField(
        head.local * head.brain,
        0.001 * head.brain,
        head.brain,
        echoes.voxel_size,
        echoes.b0_dir,
        magnitude=echoes.magnitude.square().sum(0).sqrt(),
        r2star=head.r2star * head.brain,
        removed=Removed((head.total - head.local) * head.brain, 0.001 * head.brain, head.brain),
    )


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        local, *options = inspect.signature(method).parameters.values()
        assert local.name == 'local'
        assert all(o.kind is o.KEYWORD_ONLY and o.default is not o.empty for o in options)
        assert METHODS[method.__name__] is method

    def test_the_map_is_finite_and_zero_outside_the_mask(self, method, head):
        local = local_field(head)
        before = local.field.clone()
        chi = method(local)
        assert chi.chi.dtype == torch.float32
        assert torch.isfinite(chi.chi).all()
        assert not chi.chi[~head.brain].any()
        assert torch.equal(chi.mask, head.brain)
        assert (chi.voxel_size, chi.b0_dir) == (local.voxel_size, local.b0_dir)
        assert torch.equal(local.field, before)

    def test_the_sources_have_their_sign_and_the_map_beats_an_empty_one(self, method, head):
        chi = method(local_field(head)).chi
        assert float(chi[head.chi > 0.3].mean()) > 0.2
        assert float(chi[head.chi < -0.1].mean()) < -0.1
        truth = (head.chi - head.chi[head.brain].mean())[head.brain]
        found = (chi - chi[head.brain].mean())[head.brain]
        assert float((found - truth).norm()) < float(truth.norm())

    def test_no_field_no_susceptibility(self, method, head):
        local = local_field(head)
        zero = torch.zeros_like(local.field)
        removed = dataclasses.replace(local.removed, field=zero)
        empty = dataclasses.replace(local, field=zero, removed=removed)
        assert not method(empty).chi.any()
