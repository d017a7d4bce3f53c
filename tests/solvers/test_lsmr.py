import numpy as np
import pytest
import torch
from scipy.sparse import linalg

from qsmnet_bids.solvers.lsmr import lsmr


def system(n_rows, n_columns, seed):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(n_rows, n_columns, generator=generator, dtype=torch.float64)
    return matrix, torch.randn(n_rows, generator=generator, dtype=torch.float64)


def solve(matrix, target, **options):
    return lsmr(lambda x: matrix @ x, lambda y: matrix.T @ y, target, **options)


@pytest.mark.parametrize('shape', [(20, 8), (8, 20), (12, 12)])
@pytest.mark.parametrize('damping', [0.0, 0.7])
@pytest.mark.parametrize('n_iterations', [1, 3, 6])
def test_every_iterate_is_that_of_scipy(shape, damping, n_iterations):
    matrix, target = system(*shape, seed=1)
    ours = solve(matrix, target, damping=damping, max_iterations=n_iterations, tolerance=0.0)
    theirs = linalg.lsmr(
        matrix.numpy(), target.numpy(), damp=damping, maxiter=n_iterations, atol=0, btol=0
    )
    np.testing.assert_allclose(ours.value.numpy(), theirs[0], rtol=1e-9, atol=1e-12)
    start = np.linalg.norm(matrix.numpy().T @ target.numpy())
    assert ours.n_iterations == n_iterations
    assert ours.relative_residual == pytest.approx(theirs[4] / start, rel=1e-8)


def test_solves_least_squares():
    matrix, target = system(30, 10, seed=2)
    solved = solve(matrix, target, max_iterations=30, tolerance=1e-10)
    expected = torch.linalg.lstsq(matrix, target[:, None]).solution[:, 0]
    assert solved.converged
    torch.testing.assert_close(solved.value, expected, rtol=1e-8, atol=1e-8)


def test_says_when_it_did_not_converge():
    matrix, target = system(40, 30, seed=3)
    solved = solve(matrix, target, max_iterations=3, tolerance=1e-12)
    assert not solved.converged
    gradient = matrix.T @ (target - matrix @ solved.value)
    left = float(gradient.norm() / (matrix.T @ target).norm())
    assert solved.relative_residual == pytest.approx(left, rel=1e-8)


def test_shapes_may_differ_and_nothing_is_overwritten():
    target = torch.ones(2, 3)
    solved = lsmr(
        lambda x: torch.stack([x, 2 * x]),
        lambda y: y[0] + 2 * y[1],
        target,
        max_iterations=5,
        tolerance=1e-6,
    )
    torch.testing.assert_close(solved.value, torch.full((3,), 0.6))
    assert torch.equal(target, torch.ones(2, 3))


def test_a_target_out_of_reach_has_the_zero_solution():
    solved = lsmr(
        lambda x: torch.cat([x, torch.zeros(2)]),
        lambda y: y[:2],
        torch.tensor([0.0, 0.0, 1.0, 1.0]),
        max_iterations=5,
        tolerance=1e-6,
    )
    assert solved.converged
    assert not solved.value.any()


@pytest.mark.parametrize(
    'options', [{'max_iterations': 0}, {'tolerance': -1.0}, {'damping': -1.0}]
)
def test_refuses_impossible_limits(options):
    matrix, target = system(3, 3, seed=4)
    with pytest.raises(ValueError, match='must be at least'):
        solve(matrix, target, **({'max_iterations': 5, 'tolerance': 1e-6} | options))
