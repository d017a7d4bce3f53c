import json

import pytest
import torch

from qsmnet_bids.errors import SettingsError, WeightsError
from qsmnet_bids.weights.registry import load_network
from tests.training.tiny import CPU, TINY, run
from training.evaluate import evaluate
from training.export import export
from training.recipe import build_network
from training.validation import predict, validation_set


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp('exported')
    stored = run(TINY, folder / 'run')
    export(folder / 'run', folder / 'weights')
    return stored, folder


def test_the_exported_network_answers_as_the_averaged_one(exported, monkeypatch):
    # bfloat16, where it is fast, would hide what half precision does to the weights
    monkeypatch.setattr('training.validation.fast_bfloat16', lambda _: False)
    stored, folder = exported
    average = build_network(TINY).eval()
    average.load_state_dict(stored['average'])
    sample = validation_set(TINY, CPU)[0].sample
    loaded = load_network('tiny', folder / 'weights').module
    with torch.no_grad():
        expected, found = predict(average, sample), predict(loaded, sample)
    assert expected.abs().max() > 0
    # half precision has eleven bits
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3 * expected.abs().max().item())


def test_the_card_says_how_the_weights_were_made(exported):
    stored, folder = exported
    card = json.loads((folder / 'weights' / 'tiny.json').read_text())
    assert card['network'] == TINY.network
    assert card['task'].startswith('dipole inversion')
    made = card['training']
    assert (made['samples'], made['steps'], made['seed']) == (12, 6, 0)
    assert made['recipe']['data'] == TINY.data
    assert made['validation']['rmse'] == stored['figures']['rmse']
    assert {'revision', 'hardware', 'torch', 'minutes'} <= set(made)
    assert card['intended_use']
    assert card['limits']


def test_an_exported_network_is_evaluated_on_its_own_validation_set(exported):
    stored, folder = exported
    found = evaluate(str(folder / 'weights' / 'tiny.json'), device=CPU)
    assert found['recipe'] == 'tiny'
    for name in ('rmse', 'mae', 'ssim'):
        assert found[name] == pytest.approx(stored['figures'][name], rel=0.02)


def test_an_exported_network_is_evaluated_on_another_recipe(exported):
    _, folder = exported
    other = TINY.__class__(
        name='other', validation_samples=1, data={'source': 'geometric', 'size': 24}
    )
    found = evaluate(str(folder / 'weights' / 'tiny.safetensors'), other, device=CPU)
    assert (found['recipe'], found['samples']) == ('other', 1)


def test_weights_may_have_another_name_than_their_recipe(exported, tmp_path):
    _, folder = exported
    assert export(folder / 'run', tmp_path, name='mine') == tmp_path / 'mine.json'
    assert load_network('mine', tmp_path).module.multiple == 4


def test_a_card_without_a_usable_recipe_needs_one(exported, tmp_path):
    _, folder = exported
    card = json.loads((folder / 'weights' / 'tiny.json').read_text())
    card['training']['recipe'] = {'worlds': 'old'}
    (tmp_path / 'tiny.json').write_text(json.dumps(card))
    with pytest.raises(WeightsError, match='name a --recipe'):
        evaluate(str(tmp_path / 'tiny.json'), device=CPU)


def test_a_run_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(SettingsError, match='no such checkpoint'):
        export(tmp_path, tmp_path)
