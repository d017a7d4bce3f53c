"""Least squares by LSMR.

D. C.-L. Fong and M. Saunders, SIAM J. Sci. Comput. 33:2950-2971, 2011, doi:10.1137/10079687X.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.solvers.solution import Solution


def lsmr(
    operator: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    target: Tensor,
    *,
    damping: float = 0.0,
    max_iterations: int,
    tolerance: float,
) -> Solution:
    """Minimise |operator(x) - target|^2 + damping^2 |x|^2.

    Equivalent to the minimal residual method on the normal equations, so that
    |operator^T residual| never grows.

    Parameters
    ----------
    operator
        Linear.
    adjoint
        Its adjoint; what it gives has the unknown's shape.
    target
        Right-hand side.
    damping
        At least 0.
    max_iterations
        At most so many applications of the operator and of its adjoint.
    tolerance
        Of |operator^T residual| relative to that of the zero solution.

    Returns
    -------
        The last iterate.
    """
    if max_iterations < 1:
        raise ValueError(f'max_iterations must be at least 1, got {max_iterations}')
    if tolerance < 0 or damping < 0:
        raise ValueError(
            f'tolerance and damping must be at least 0, got {tolerance} and {damping}'
        )
    left, beta = _normalised(target.clone())
    right, alpha = _normalised(adjoint(left))
    value = torch.zeros_like(right)
    if alpha * beta == 0:
        return Solution(value, 0, 0.0, converged=True)
    start = abs_zeta = alpha * beta
    zeta_bar, alpha_bar = start, alpha
    rho = rho_bar = c_bar = 1.0
    s_bar = 0.0
    search, search_bar = right.clone(), torch.zeros_like(right)
    n_iterations = 0
    while abs_zeta > tolerance * start and n_iterations < max_iterations:
        left, beta = _normalised(operator(right).sub_(left, alpha=alpha))
        right, alpha = _normalised(adjoint(left).sub_(right, alpha=beta))
        # three rotations: the damping, the bidiagonal matrix, its lower triangle
        alpha_hat = math.hypot(alpha_bar, damping)
        former_rho, rho = rho, math.hypot(alpha_hat, beta)
        theta, alpha_bar = beta * alpha / rho, alpha_hat * alpha / rho
        theta_bar, former_rho_bar = s_bar * rho, rho_bar
        rho_bar = math.hypot(c_bar * rho, theta)
        c_bar, s_bar = c_bar * rho / rho_bar, theta / rho_bar
        zeta, zeta_bar = c_bar * zeta_bar, -s_bar * zeta_bar
        search_bar.mul_(-theta_bar * rho / (former_rho * former_rho_bar)).add_(search)
        value.add_(search_bar, alpha=zeta / (rho * rho_bar))
        search.mul_(-theta / rho).add_(right)
        abs_zeta, n_iterations = abs(zeta_bar), n_iterations + 1
    return Solution(value, n_iterations, abs_zeta / start, abs_zeta <= tolerance * start)


def _normalised(vector: Tensor) -> tuple[Tensor, float]:
    """Divide by the norm, unless that is zero; overwrites the vector."""
    norm = float(torch.linalg.vector_norm(vector))
    return (vector.div_(norm) if norm > 0 else vector), norm
