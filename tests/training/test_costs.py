import dataclasses

import pytest

from tests.training.tiny import TINY
from training.costs import cost, describe
from training.recipe_file import find_recipe, read_recipe

NO_DROPOUT = {'architecture': 'direct', 'features': 2, 'depth': 1, 'kernel_size': 3}


def convolution(n_in, n_out, kernel, voxels):
    """Forward, gradient of the weights and gradient of the input: each two per product."""
    return 3 * 2 * n_in * n_out * kernel**3 * voxels


def test_the_operations_are_those_of_the_convolutions():
    n = 16**3
    first = convolution(1, 2, 3, n) * 2 / 3  # the input needs no gradient
    top = first + convolution(2, 2, 3, n) + convolution(4, 2, 3, n) + convolution(2, 2, 3, n)
    bottom = convolution(2, 4, 3, n // 8) + convolution(4, 4, 3, n // 8)
    up = convolution(4, 2, 2, n // 8)
    head = convolution(2, 1, 1, n)
    found = cost(dataclasses.replace(TINY, network=NO_DROPOUT))
    assert found.flops == pytest.approx(top + bottom + up + head)
    assert found.shape == (16, 16, 16)
    assert found.n_samples == 12


def test_twice_the_steps_cost_twice_the_time():
    once, twice = cost(TINY), cost(dataclasses.replace(TINY, steps=12))
    assert twice.seconds(1e9) == pytest.approx(2 * once.seconds(1e9))


def test_a_description_says_what_it_is_for_and_what_it_takes():
    text = describe(dataclasses.replace(TINY, description='for the tests'))
    assert 'tiny: for the tests' in text
    assert '12 samples of 16 x 16 x 16 voxels' in text


def test_a_network_that_starts_from_numbers_is_counted_too():
    found = cost(read_recipe(find_recipe('dipolenet-first')))
    assert found.n_weights > 3_000_000
    assert found.flops > 1e9


def test_of_a_judge_s_stage_the_maps_take_the_time_and_no_operation_of_the_network():
    text = describe(read_recipe(find_recipe('dipolenet')))
    assert 'only the judge learns from 350 samples' in text
    assert 'GFLOP' not in text
