import functools

import pytest
import torch

from qsmnet_bids.background import net as module
from qsmnet_bids.errors import WeightsError
from qsmnet_bids.tensors import TotalField
from qsmnet_bids.weights.registry import load_network_for
from tests.networks.shipped import ship
from tests.simulated import simulate


@pytest.fixture
def total(tmp_path, monkeypatch):
    ship(tmp_path, 'tiny', 'informed', task='background', features=2, depth=1)
    ship(tmp_path, 'inverter', 'refined', features=2, depth=1)
    load = functools.partial(load_network_for, directory=tmp_path)
    monkeypatch.setattr(module, 'load_network_for', load)
    head = simulate(shape=(32, 30, 28))
    echoes = head.echoes
    magnitude = echoes.magnitude.square().sum(0).sqrt()
    noise = torch.full_like(head.total, 0.001)
    geometry = (echoes.voxel_size, echoes.b0_dir)
    return TotalField(head.total, noise, head.brain, *geometry, magnitude=magnitude)


def test_the_mask_stays_whole_and_the_record_is_passed_on(total):
    local = module.net(total, weights='tiny')
    assert torch.equal(local.mask, total.mask)
    assert torch.isfinite(local.field).all()
    assert not local.field[~total.mask].any()
    assert torch.equal(local.noise[total.mask], total.noise[total.mask])
    assert not local.noise[~total.mask].any()
    assert torch.equal(local.magnitude[total.mask], total.magnitude[total.mask])
    assert local.r2star is None


def test_what_lies_outside_the_mask_does_not_matter(total):
    expected = module.net(total, weights='tiny').field
    total.field[~total.mask] = 1e3
    assert torch.equal(module.net(total, weights='tiny').field, expected)


def test_a_network_for_another_task_is_refused(total):
    with pytest.raises(WeightsError, match='for dipole, not for background'):
        module.net(total, weights='inverter')
