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
        train(RECIPE, folder, processes=processes)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    run(RECIPE, tmp_path / 'one')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(train_one_of_two, (port, tmp_path / 'two'), nprocs=2)
    one, two = (
        [line['loss'] for line in log(tmp_path / name) if 'loss' in line]
        for name in ('one', 'two')
    )
    assert len(one) == RECIPE.steps
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = weights(tmp_path / 'one'), weights(tmp_path / 'two')
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_a_process_of_its_own_is_first_and_decides_alone():
    with joined(CPU) as processes:
        assert processes.is_first
        assert processes.agree(*[True, False]) == [True, False]
        assert processes.mean(torch.tensor([2.0])).item() == 2
