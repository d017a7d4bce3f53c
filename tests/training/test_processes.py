import dataclasses
import os
import socket

import pytest
import torch
from torch import multiprocessing

from tests.training.tiny import CPU, TINY, log, run, weights
from training.processes import joined
from training.train import train

# dropout draws differently in each process
RECIPE = dataclasses.replace(
    TINY, batch_size=4, network={**TINY.network, 'dropout': 0.0}, learning_rate=3e-3
)


def train_one_of_two(rank, port, folder):
    os.environ |= {
        'RANK': str(rank),
        'LOCAL_RANK': str(rank),
        'WORLD_SIZE': '2',
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
    }
    torch.set_num_threads(1)
    with joined(CPU) as processes:
        parts = processes.gathered(torch.tensor([[float(rank)], [rank + 2.0]]))
        assert parts.flatten().tolist() == [0, 2, 1, 3]
        train(RECIPE, folder, processes=processes)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    run(RECIPE, tmp_path / 'one')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(train_one_of_two, (port, tmp_path / 'two'), nprocs=2)
    one, two = (
        [(line['loss'], line['norm']) for line in log(tmp_path / name) if 'loss' in line]
        for name in ('one', 'two')
    )
    assert len(one) == RECIPE.steps
    assert [loss for loss, _ in two] == pytest.approx([loss for loss, _ in one], rel=1e-4)
    assert [norm for _, norm in two] == pytest.approx([norm for _, norm in one], rel=1e-2)
    # Adam divides rounding by itself where a gradient is nearly zero: single weights may differ
    expected, found = weights(tmp_path / 'one'), weights(tmp_path / 'two')
    for is_part in (_is_weight, _is_moment):
        assert distance(found, expected, is_part) < 1e-2


def _is_weight(name):
    return name.startswith('network.')


def _is_moment(name):
    return name.endswith('.exp_avg')


def distance(found, expected, is_part):
    """Norm of the difference over the norm of what was expected; half the samples leave 0.55."""
    assert found.keys() == expected.keys()
    names = [name for name in expected if is_part(name)]
    assert names
    first, second = (
        torch.cat([one[name].flatten() for name in names]) for one in (found, expected)
    )
    return float((first - second).norm() / second.norm())


def test_a_process_of_its_own_is_first_and_decides_alone():
    with joined(CPU) as processes:
        assert processes.is_first
        assert processes.agree(*[True, False]) == [True, False]
        assert processes.mean(torch.tensor([2.0])).item() == 2
        assert processes.gathered(torch.tensor([2.0, 3.0])).tolist() == [2, 3]
