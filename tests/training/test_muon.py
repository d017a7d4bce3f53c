import dataclasses

import pytest
import torch

from qsmnet_bids.networks.direct import Direct
from tests.training.tiny import ALONE, TINY, assert_same_weights, log, run
from training.muon import ADAM_SHARE, Muon, equalised
from training.recipe import Recipe
from training.train import train

MUON = dataclasses.replace(
    TINY,
    optimiser='muon',
    learning_rate=0.02,
    network=dict(TINY.network) | {'normalisation': 'batch'},
)


@pytest.mark.parametrize('shape', [(8, 40), (40, 8), (12, 12)])
def test_equalised_has_the_singular_vectors_and_singular_values_near_one(shape):
    generator = torch.Generator().manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(shape[0], min(shape), generator=generator))
    right, _ = torch.linalg.qr(torch.randn(shape[1], min(shape), generator=generator))
    values = torch.logspace(0, -1.5, min(shape))
    found = equalised(1e-4 * (left * values) @ right.T)
    found = found / max(1, shape[0] / shape[1]) ** 0.5
    turned = left.T @ found @ right
    diagonal = turned.diagonal()
    assert diagonal.min() > 0.6
    assert diagonal.max() < 1.3
    assert (turned - torch.diag(diagonal)).abs().max() < 1e-4


def test_equalised_leaves_zero():
    assert torch.equal(equalised(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_a_step_is_as_long_as_the_rate_says_whatever_the_gradient():
    torch.manual_seed(0)
    network = Direct(features=4, depth=1, normalisation='batch')
    optimiser = Muon(network, 0.1, (0.9, 0.99))
    before = {name: value.clone() for name, value in network.named_parameters()}
    for name, parameter in network.named_parameters():
        parameter.grad = torch.randn_like(parameter) * (1e-3 if 'encoders.0' in name else 1e3)
    optimiser.step()
    for name, parameter in network.named_parameters():
        step = (before[name] - parameter).detach()
        if parameter.ndim == 5 and parameter[0, 0].numel() > 1:
            matrix = step.reshape(len(step), -1)
            longest = torch.linalg.matrix_norm(matrix, 2)
            assert longest / max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5 == pytest.approx(
                0.1, rel=0.35
            ), name
        else:
            assert step.abs().max() == pytest.approx(0.1 * ADAM_SHARE, rel=0.02), name


def test_a_run_in_parts_ends_bit_equal_to_an_undisturbed_one(tmp_path):
    # the rate falls after the last step alone, so that both parts have the same one
    whole = dataclasses.replace(MUON, decay_fraction=0.01)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run(whole, tmp_path / 'whole')
        first = dataclasses.replace(whole, steps=3)
        train(first, tmp_path / 'parts', processes=ALONE)
        run(whole, tmp_path / 'parts')
    finally:
        torch.set_num_threads(before)
    assert_same_weights(tmp_path / 'whole', tmp_path / 'parts')


def test_training_learns(tmp_path):
    recipe = dataclasses.replace(MUON, steps=60, validation_every=20)
    run(recipe, tmp_path)
    rmse = [line['rmse'] for line in log(tmp_path) if 'rmse' in line]
    assert rmse[-1] < rmse[0]


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(ValueError, match=r"optimiser must be one of .*, got 'sgd'"):
        Recipe('bad', optimiser='sgd')
