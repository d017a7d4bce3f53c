import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from qsmnet_bids.errors import WeightsError
from qsmnet_bids.networks.direct import Direct
from qsmnet_bids.weights.cards import (
    WEIGHTS_DIR,
    available,
    read_card,
    sees_whole,
    uncertainty_factor,
)
from qsmnet_bids.weights.registry import load_network


@pytest.fixture
def folder(tmp_path):
    network = {'features': 2, 'depth': 1}
    path = tmp_path / 'tiny.safetensors'
    save_file({k: v.half() for k, v in Direct(**network).state_dict().items()}, path)
    card = {
        'name': 'tiny',
        'file': path.name,
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        'network': {'architecture': 'direct', **network},
    }
    (tmp_path / 'tiny.json').write_text(json.dumps(card))
    load_network.cache_clear()
    return tmp_path


def test_a_network_loads_ready_for_inference(folder):
    network = load_network('tiny', folder)
    assert network.module.multiple == 2
    assert not network.module.training
    assert all(
        p.dtype == torch.float32 and not p.requires_grad for p in network.module.parameters()
    )


def test_several_networks_stay_loaded(folder):
    assert load_network('tiny', folder) is load_network('tiny', folder)
    first = load_network('tiny', folder)
    load_network('deepqsm')
    assert load_network('tiny', folder) is first


def test_a_changed_file_is_refused(folder):
    path = folder / 'tiny.safetensors'
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match='sha256'):
        load_network('tiny', folder)


def test_a_missing_file_is_named(folder):
    (folder / 'tiny.safetensors').unlink()
    with pytest.raises(WeightsError, match=r'tiny\.safetensors: missing'):
        load_network('tiny', folder)


def test_an_unknown_name_is_answered_with_those_that_ship(folder):
    with pytest.raises(WeightsError, match='tiny'):
        load_network('nonesuch', folder)


@pytest.mark.parametrize('name', available())
def test_what_ships_is_what_its_card_says(name):
    load_network.cache_clear()
    assert load_network(name).sha256 == read_card(name)['sha256']
    assert (WEIGHTS_DIR / read_card(name)['file']).stat().st_size < 60e6


def test_the_factor_of_the_uncertainty_stands_in_the_card(folder):
    assert uncertainty_factor('tiny', folder) == 1.0
    card = json.loads((folder / 'tiny.json').read_text())
    (folder / 'tiny.json').write_text(json.dumps(card | {'uncertainty_factor': 1.4}))
    assert uncertainty_factor('tiny', folder) == 1.4
    assert uncertainty_factor('tikhonov', folder) == 1.0


@pytest.mark.parametrize('name', available())
def test_cards_tell_which_networks_see_the_whole_volume(name):
    assert sees_whole(name) == ('kernel' in load_network(name).module.needs)
