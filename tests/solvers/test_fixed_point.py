import pytest
import torch

from qsmnet_bids.solvers.fixed_point import repeat


def towards_one(value):
    return 1 + 0.5 * (value - 1)


def test_halving_the_distance_ends_at_the_fixed_point():
    start = torch.zeros(4, dtype=torch.float64)
    end = repeat(towards_one, start, max_iterations=60, tolerance=1e-9)
    assert end.converged
    assert 28 <= end.n_iterations <= 32
    torch.testing.assert_close(end.value, torch.ones_like(start))
    assert not start.any()


def test_the_change_is_measured_inside_only():
    speed = torch.tensor([0.0, 1.0])
    end = repeat(
        lambda value: value + speed,
        torch.ones(2),
        inside=torch.tensor([True, False]),
        max_iterations=5,
        tolerance=1e-9,
    )
    assert end.converged
    assert end.n_iterations == 1


def test_says_when_the_steps_ran_out():
    end = repeat(towards_one, torch.zeros(3), max_iterations=3, tolerance=1e-3)
    assert not end.converged
    assert end.relative_residual == pytest.approx(0.125 / 0.875)


def test_zero_that_stays_zero_has_converged():
    end = repeat(lambda value: 0.5 * value, torch.zeros(3), max_iterations=9, tolerance=0.0)
    assert end.converged
    assert (end.n_iterations, end.relative_residual) == (1, 0.0)


@pytest.mark.parametrize(('iterations', 'tolerance'), [(0, 1e-6), (5, -1.0)])
def test_refuses_impossible_limits(iterations, tolerance):
    with pytest.raises(ValueError, match='must be at least'):
        repeat(towards_one, torch.ones(3), max_iterations=iterations, tolerance=tolerance)
