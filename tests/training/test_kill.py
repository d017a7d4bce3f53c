import random
import subprocess

import pytest

from tests.training.tiny import assert_same_weights, log, spawn, write_recipe


def train_to_the_end(*arguments):
    process = spawn('train', *arguments)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_bit_equal_to_an_undisturbed_one(tmp_path):
    recipe = write_recipe(tmp_path, steps=200)
    options = ('--device', 'cpu', '--threads', 1)
    train_to_the_end(recipe, '--run-dir', tmp_path / 'whole', *options)
    seconds = sum(line['step_seconds'] for line in log(tmp_path / 'whole') if 'loss' in line)
    moments = random.Random(5)  # noqa: S311 -- moments, not secrets
    n_killed = 0
    while n_killed < 3:
        process = spawn('train', recipe, '--run-dir', tmp_path / 'parts', *options)
        wait_for_a_step(process)
        try:
            process.communicate(timeout=moments.uniform(0, seconds / 3))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            n_killed += 1
        else:
            break
    assert n_killed > 0
    train_to_the_end(recipe, '--run-dir', tmp_path / 'parts', *options)
    assert_same_weights(tmp_path / 'whole', tmp_path / 'parts')
    steps = [line['step'] for line in log(tmp_path / 'parts') if 'loss' in line]
    assert steps == list(range(1, 201))


def wait_for_a_step(process):
    """Starting takes longer than training, so moments are counted from when it says it begins."""
    for line in process.stderr:
        if 'from step' in line:
            return
