import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.padded import data_weights, pad_field, to_map
from qsmnet_bids.solvers.solution import Solution
from tests.inversion.spheres import CASES, sphere_in_field


def problem(noise=None):
    _, local = sphere_in_field(*CASES[2], head=10.0)
    if noise is not None:
        local = dataclasses.replace(local, noise=noise(local.mask))
    return pad_field(local)


def test_padding_keeps_the_field_and_the_way_back():
    padded = problem()
    sides = [(s.stop - s.start) * d for s, d in zip(padded.box, (0.8, 0.8, 2.0), strict=True)]
    grid = [n * d for n, d in zip(padded.shape, (0.8, 0.8, 2.0), strict=True)]
    assert all(whole >= side + 20 for whole, side in zip(grid, sides, strict=True))
    chi = to_map(padded, Solution(padded.field, 3, 0.1, converged=False))
    torch.testing.assert_close(chi.chi, padded.local.field)
    assert chi.convergence is not None
    assert (chi.convergence.n_iterations, chi.convergence.converged) == (3, False)


def test_weights_of_the_noise_are_one_up_to_its_median_and_fall_beyond():
    def noise(mask):
        levels = 0.01 * mask
        levels[:, :29] *= 2
        levels[:, 31:] /= 20
        return levels

    padded = problem(noise)
    weights = data_weights(padded, weighting='noise')
    assert not weights[~padded.inside].any()
    found = weights[padded.inside].unique().tolist()
    assert found == pytest.approx([0.5, 1.0])


def test_noise_that_is_not_known_weighs_all_alike():
    padded = problem()
    weights = data_weights(padded, weighting='noise')
    assert torch.equal(weights, padded.inside.float())
    assert torch.equal(data_weights(padded, weighting='mask'), padded.inside.float())
    assert data_weights(padded, weighting='none').all()
