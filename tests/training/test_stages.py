import dataclasses
import json

import pytest
import torch

from qsmnet_bids.errors import SettingsError
from tests.training.tiny import CPU, TINY, run
from training.checkpoint import start
from training.export import export

SECOND = dataclasses.replace(
    TINY, name='second', starts_from='tiny', data={**TINY.data, 'size': 24}
)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    return folder, run(TINY, folder / 'tiny')


def test_a_stage_begins_with_the_averaged_weights_of_the_one_before(runs):
    folder, first = runs
    begun = start(SECOND, folder / 'second', device=CPU, restart=False)
    for name, value in first['average'].items():
        assert torch.equal(begun.network.state_dict()[name], value)
        assert torch.equal(begun.average.state_dict()[name], value)
    assert begun.step == 0
    assert not begun.optimiser.state


def test_a_stage_that_has_begun_goes_on_by_itself_and_tells_what_it_came_from(runs, tmp_path):
    folder, _ = runs
    run(dataclasses.replace(SECOND, steps=3), folder / 'second')
    (folder / 'tiny').rename(tmp_path / 'away')
    try:
        stored = run(SECOND, folder / 'second')
    finally:
        (tmp_path / 'away').rename(folder / 'tiny')
    assert stored['step'] == 6
    export(folder / 'second', tmp_path)
    (stage,) = json.loads((tmp_path / 'second.json').read_text())['training']['earlier_stages']
    assert (stage['steps'], stage['samples']) == (6, 12)
    assert stage['recipe']['name'] == 'tiny'


def test_weights_alone_learn_by_the_averages_of_the_stage_before(tmp_path):
    network = TINY.network | {'normalisation': 'batch'}
    first = run(dataclasses.replace(TINY, network=network), tmp_path / 'tiny')['average']
    second = dataclasses.replace(SECOND, network=network, learns='weights')
    learnt = run(second, tmp_path / 'second')
    for state in (learnt['network'], learnt['average']):
        same = {name for name, value in state.items() if torch.equal(value, first[name])}
        assert same == {name for name in first if 'running' in name or 'tracked' in name}


def test_a_stage_needs_the_run_before_it_and_the_same_network(runs):
    folder, _ = runs
    alone = dataclasses.replace(SECOND, starts_from='missing')
    with pytest.raises(SettingsError, match=r'missing/checkpoint\.pt: no such checkpoint'):
        start(alone, folder / 'alone', device=CPU, restart=False)
    wider = dataclasses.replace(SECOND, network={**TINY.network, 'features': 4})
    with pytest.raises(SettingsError, match='starts_from needs the same network'):
        start(wider, folder / 'wider', device=CPU, restart=False)
