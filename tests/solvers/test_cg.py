import pytest
import torch

from qsmnet_bids.solvers.cg import conjugate_gradients


def symmetric(n, seed):
    root = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T + 0.5 * torch.eye(n, dtype=torch.float64)


def test_solves_a_system_of_n_unknowns_in_n_iterations():
    matrix = symmetric(12, 1)
    truth = torch.arange(12, dtype=torch.float64)
    solved = conjugate_gradients(
        lambda x: matrix @ x, matrix @ truth, max_iterations=13, tolerance=1e-10
    )
    assert solved.converged
    assert solved.n_iterations <= 13
    torch.testing.assert_close(solved.value, truth, rtol=1e-6, atol=1e-6)


def test_exact_preconditioner_needs_one_iteration():
    matrix = symmetric(8, 2)
    inverse = torch.linalg.inv(matrix)
    target = torch.ones(8, dtype=torch.float64)
    solved = conjugate_gradients(
        lambda x: matrix @ x,
        target,
        preconditioner=lambda x: inverse @ x,
        max_iterations=8,
        tolerance=1e-9,
    )
    assert solved.n_iterations == 1
    torch.testing.assert_close(matrix @ solved.value, target)


def test_starts_from_the_guess():
    matrix = symmetric(6, 3)
    truth = torch.ones(6, dtype=torch.float64)
    solved = conjugate_gradients(
        lambda x: matrix @ x, matrix @ truth, start=truth, max_iterations=5, tolerance=1e-9
    )
    assert solved.n_iterations == 0
    assert torch.equal(solved.value, truth)


def test_says_when_it_did_not_converge():
    matrix = symmetric(30, 4)
    target = torch.ones(30, dtype=torch.float64)
    solved = conjugate_gradients(lambda x: matrix @ x, target, max_iterations=2, tolerance=1e-12)
    assert not solved.converged
    left = (target - matrix @ solved.value).norm() / target.norm()
    assert solved.relative_residual == pytest.approx(float(left), rel=1e-6)


def test_zero_target_has_the_zero_solution():
    solved = conjugate_gradients(lambda x: x, torch.zeros(3), max_iterations=5, tolerance=1e-6)
    assert solved.converged
    assert not solved.value.any()


@pytest.mark.parametrize(('iterations', 'tolerance'), [(0, 1e-6), (5, -1.0)])
def test_refuses_impossible_limits(iterations, tolerance):
    with pytest.raises(ValueError, match='must be at least'):
        conjugate_gradients(
            lambda x: x, torch.ones(3), max_iterations=iterations, tolerance=tolerance
        )
