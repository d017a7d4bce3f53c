import functools

import torch

from qsmnet_bids.joint import net as module
from qsmnet_bids.tensors import TotalField
from qsmnet_bids.weights.registry import load_network_for
from tests.networks.shipped import ship
from tests.simulated import simulate


def test_a_total_field_becomes_a_map_in_proportion(tmp_path, monkeypatch):
    ship(tmp_path, 'tiny', 'informed', task='onestep', features=2, depth=1, fold=2)
    load = functools.partial(load_network_for, directory=tmp_path)
    monkeypatch.setattr(module, 'load_network_for', load)
    head = simulate(shape=(32, 30, 28), b0_dir=(0.0, 0.6, 0.8))
    noise = torch.full_like(head.total, 0.001)
    geometry = (head.brain, head.echoes.voxel_size, head.echoes.b0_dir)
    once = module.net(TotalField(head.total, noise, *geometry), weights='tiny')
    assert torch.isfinite(once.chi).all()
    assert not once.chi[~head.brain].any()
    assert (once.voxel_size, once.b0_dir) == geometry[1:]
    strong = TotalField(4 * head.total, 4 * noise, *geometry)
    twice = module.net(strong, weights='tiny')
    torch.testing.assert_close(twice.chi, 4 * once.chi, rtol=1e-4, atol=1e-5)
