import dataclasses
import itertools
import json
import math
import signal
import time

import pytest
import torch

from qsmnet_bids.errors import SettingsError
from tests.training.tiny import (
    ALONE,
    CPU,
    TINY,
    assert_same_weights,
    log,
    run,
    spawn,
    write_recipe,
)
from training.processes import Processes
from training.train import train

pytestmark = pytest.mark.usefixtures('one_thread')


def test_a_run_in_parts_ends_bit_equal_to_an_undisturbed_one(tmp_path, monkeypatch):
    run(TINY, tmp_path / 'whole')
    # a clock on which every minute is over after two looks
    ticks = itertools.count(step=20.0)
    for _ in range(10):
        with monkeypatch.context() as patch:
            patch.setattr('training.train.time.monotonic', lambda: next(ticks))
            if train(TINY, tmp_path / 'parts', processes=ALONE, max_minutes=1):
                break
    assert len(log(tmp_path / 'parts')) == len(log(tmp_path / 'whole'))
    assert_same_weights(tmp_path / 'whole', tmp_path / 'parts')


def test_training_learns(tmp_path):
    recipe = dataclasses.replace(TINY, steps=60, learning_rate=3e-3, validation_every=20)
    run(recipe, tmp_path)
    rmse = [line['rmse'] for line in log(tmp_path) if 'rmse' in line]
    assert rmse[-1] < rmse[0]


def test_a_loss_that_is_not_a_number_stops_the_run_and_leaves_the_last_checkpoint(tmp_path):
    good = run(TINY, tmp_path)
    bad = dataclasses.replace(TINY, steps=100)
    stored = torch.load(tmp_path / 'checkpoint.pt', weights_only=True)
    for group in stored['optimiser']['state'].values():
        # the next step leads to infinity
        group['exp_avg'].fill_(1e30)
        group['exp_avg_sq'].zero_()
    torch.save(stored, tmp_path / 'checkpoint.pt')
    with pytest.raises(FloatingPointError, match=r'step \d+: the loss is'):
        run(bad, tmp_path)
    after = torch.load(tmp_path / 'checkpoint.pt', weights_only=True)
    assert after['step'] == good['step'] == 6
    assert json.loads((tmp_path / 'run.json').read_text())['state'] == 'failed'
    for name, value in good['network'].items():
        assert torch.equal(value, after['network'][name]), name


def test_a_changed_recipe_is_refused_by_the_name_of_the_field(tmp_path):
    run(TINY, tmp_path)
    changed = dataclasses.replace(TINY, learning_rate=0.01)
    with pytest.raises(SettingsError, match=r'learning_rate was 0.001 and is 0.01'):
        run(changed, tmp_path)
    assert run(changed, tmp_path, restart=True)['step'] == 6


def test_a_changed_schedule_is_no_other_recipe(tmp_path):
    run(TINY, tmp_path)
    assert run(dataclasses.replace(TINY, steps=8, decay_fraction=0.1), tmp_path)['step'] == 8


def test_a_checkpoint_of_an_older_version_is_refused(tmp_path):
    torch.save({'step': 3}, tmp_path / 'checkpoint.pt')
    with pytest.raises(SettingsError, match='another version'):
        run(TINY, tmp_path)


def test_a_batch_that_cannot_be_shared_out_is_refused(tmp_path):
    with pytest.raises(ValueError, match='batch_size must be a multiple'):
        train(TINY, tmp_path, processes=Processes(0, 3, CPU))


@pytest.mark.slow
def test_sigterm_saves_and_the_exit_code_says_that_there_is_more_to_do(tmp_path):
    recipe = write_recipe(tmp_path, steps=100_000)
    process = spawn('train', recipe, '--run-dir', tmp_path / 'run', '--save-minutes', 1000)
    path = tmp_path / 'run' / 'log.jsonl'
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    stored = torch.load(tmp_path / 'run' / 'checkpoint.pt', weights_only=True)
    assert stored['step'] == log(tmp_path / 'run')[-1]['step'] > 0
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['state'] == 'stopped'


def test_the_rate_warms_up_stays_and_falls_to_zero():
    recipe = dataclasses.replace(TINY, steps=100, warmup_steps=10, decay_fraction=0.3)
    rates = [recipe.rate(step) / recipe.learning_rate for step in (0, 50, 85, 100)]
    assert rates == pytest.approx([0.1, 1, 0.5, 0])
    assert math.isclose(dataclasses.replace(recipe, decay_fraction=0.0).rate(99), 1e-3)
