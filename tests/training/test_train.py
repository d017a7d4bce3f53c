import dataclasses
import json
import math

import pytest
import torch

from qsmnet_bids.weights.registry import load_network
from training.export import export
from training.recipe import Recipe, read_recipe
from training.train import rate_factor, train

TINY = Recipe(
    name='tiny',
    steps=6,
    batch_size=2,
    warmup_steps=1,
    validation_every=3,
    validation_samples=2,
    ema_decay=0.5,
    network={'features': 2, 'depth': 2},
    data={'size': 16, 'n_objects': 5},
)
CPU = torch.device('cpu')


def run(recipe, folder):
    path = train(recipe, folder, device=CPU, max_minutes=math.inf)
    return torch.load(path, weights_only=True)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_resumed_run_ends_bit_equal_to_an_undisturbed_one(tmp_path):
    # the rate's fall depends on the recipe's steps, so it has none here
    constant = dataclasses.replace(TINY, decay_fraction=0.0)
    whole = run(constant, tmp_path / 'constant')
    run(dataclasses.replace(constant, steps=3), tmp_path / 'parts')
    resumed = run(constant, tmp_path / 'parts')
    for name, value in whole['average'].items():
        assert torch.equal(value, resumed['average'][name]), name


def test_training_learns(tmp_path):
    recipe = dataclasses.replace(TINY, steps=60, learning_rate=3e-3, validation_every=20)
    run(recipe, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    rmse = [line['rmse'] for line in lines if 'rmse' in line]
    assert rmse[-1] < rmse[0]


def test_a_loss_that_is_not_a_number_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match='loss is'):
        run(dataclasses.replace(TINY, learning_rate=1e30, clip_norm=1e30, steps=50), tmp_path)


def test_the_rate_warms_up_stays_and_falls_to_zero():
    recipe = dataclasses.replace(TINY, steps=100, warmup_steps=10, decay_fraction=0.3)
    assert rate_factor(0, recipe) == pytest.approx(0.1)
    assert rate_factor(50, recipe) == pytest.approx(1)
    assert rate_factor(85, recipe) == pytest.approx(0.5)
    assert rate_factor(100, recipe) == pytest.approx(0)


def test_an_exported_network_loads_and_gives_what_was_trained(tmp_path):
    stored = run(TINY, tmp_path / 'run')
    export(TINY, tmp_path / 'run', tmp_path / 'weights')
    network = load_network('tiny', tmp_path / 'weights')
    for name, value in network.module.state_dict().items():
        torch.testing.assert_close(value, stored['average'][name], rtol=1e-3, atol=1e-4)
    card = json.loads((tmp_path / 'weights' / 'tiny.json').read_text())
    assert card['training']['samples'] == 12
    assert card['training']['recipe']['seed'] == TINY.seed


def test_a_recipe_with_an_unknown_field_is_refused(tmp_path):
    path = tmp_path / 'bad.toml'
    path.write_text('name = "x"\nlerning_rate = 1.0\n')
    with pytest.raises(ValueError, match='lerning_rate'):
        read_recipe(path)
