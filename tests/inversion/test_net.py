import dataclasses
import functools
import math

import pytest
import torch

from qsmnet_bids.background import METHODS
from qsmnet_bids.errors import WeightsError
from qsmnet_bids.inversion import net as module
from qsmnet_bids.physics.symmetry import turned
from qsmnet_bids.tensors import LocalField, TotalField
from qsmnet_bids.weights.registry import load_network, load_network_for
from tests.networks.shipped import ship
from tests.simulated import simulate


def local_field(**options):
    head = simulate(shape=(32, 30, 28), **options)
    echoes = head.echoes
    noise = 0.001 * head.brain
    return LocalField(head.local * head.brain, noise, head.brain, echoes.voxel_size, echoes.b0_dir)


def test_deepqsm_is_its_u_net_on_fields_of_unit_spread(monkeypatch):
    monkeypatch.setattr('qsmnet_bids.networks.tiling.fast_bfloat16', lambda _: False)
    local = local_field()
    scale = local.field[local.mask].std()
    padded = torch.zeros(1, 1, 32, 32, 32)
    padded[0, 0, :, :30, :28] = local.field / scale
    output = load_network('deepqsm').module.unet(padded)[0, 0, :, :30, :28]
    chi = module.deepqsm(local).chi
    torch.testing.assert_close(chi, 4 * scale * output * local.mask, rtol=1e-4, atol=1e-6)


def test_deepqsm_meets_b0_along_z():
    """A field along x is turned for it: the same map as along z, turned."""
    upright = local_field()
    lying = LocalField(
        upright.field.permute(2, 1, 0),
        upright.noise.permute(2, 1, 0),
        upright.mask.permute(2, 1, 0),
        upright.voxel_size,
        (1.0, 0.0, 0.0),
    )
    expected = module.deepqsm(upright).chi
    found = module.deepqsm(lying).chi.permute(2, 1, 0)
    assert float(torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1]) > 0.9


def test_other_networks_stay_on_the_field_s_own_grid(tmp_path, monkeypatch):
    ship(tmp_path, 'tiny', 'refined', features=2, depth=1)
    ship(tmp_path, 'remover', 'informed', task='background', features=2, depth=1)
    load = functools.partial(load_network_for, directory=tmp_path)
    monkeypatch.setattr(module, 'load_network_for', load)
    local = local_field(voxel_size=(1.0, 1.2, 1.5), b0_dir=(0.0, 0.5, math.sqrt(0.75)))
    chi = module.net(local, weights='tiny')
    assert chi.chi.shape == local.field.shape
    assert torch.isfinite(chi.chi).all()
    assert not chi.chi[~local.mask].any()
    with pytest.raises(WeightsError, match='for background, not for dipole'):
        module.net(local, weights='remover')


def test_the_mean_of_mirrored_copies_is_mirrored_with_the_field():
    local = local_field()
    mirrored = turned(local, ((0, 1, 2), (0, 2)))

    def error(n_copies):
        there = module.deepqsm(mirrored, n_copies=n_copies).chi.flip(0, 2)
        here = module.deepqsm(local, n_copies=n_copies).chi
        return float((there - here).abs().max() / here.abs().max())

    assert error(1) > 1e-2
    assert error(8) < 1e-4


def test_one_step_takes_the_total_field_and_removes_the_background_itself(tmp_path, monkeypatch):
    ship(tmp_path, 'onestepnet', 'refined', task='onestep', features=2, depth=1)
    load = functools.partial(load_network_for, directory=tmp_path)
    monkeypatch.setattr(module, 'load_network_for', load)
    head = simulate(shape=(32, 30, 28), b0_dir=(0.0, 0.6, 0.8))
    noise = 0.001 * head.brain
    total = TotalField(
        head.total * head.brain, noise, head.brain, head.echoes.voxel_size, head.echoes.b0_dir
    )
    locals_ = [METHODS[name](total) for name in ('lbv', 'vsharp')]
    maps = [module.onestepnet(local) for local in locals_]
    for chi, local in zip(maps, locals_, strict=True):
        assert torch.equal(chi.mask, local.mask)
        assert torch.isfinite(chi.chi).all()
        assert not chi.chi[~chi.mask].any()
    both = maps[0].mask & maps[1].mask
    # whatever else removed a background, the network sees the same total field
    torch.testing.assert_close(maps[0].chi[both], maps[1].chi[both], rtol=1e-3, atol=1e-4)
    assert torch.corrcoef(torch.stack([maps[0].chi[both], head.chi[both]]))[0, 1] > 0.8
    with pytest.raises(ValueError, match='onestepnet needs the total field'):
        module.onestepnet(dataclasses.replace(locals_[0], removed=None))


@pytest.mark.parametrize('n_copies', [0, 49])
def test_copies_are_those_of_a_cube(n_copies):
    with pytest.raises(ValueError, match=r'n_copies must be in \[1, 48\]'):
        module.deepqsm(local_field(), n_copies=n_copies)
