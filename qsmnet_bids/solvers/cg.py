"""Conjugate gradients.

M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49:409-436, 1952,
doi:10.6028/jres.049.044.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.solvers.solution import Solution


def conjugate_gradients(
    operator: Callable[[Tensor], Tensor],
    target: Tensor,
    *,
    start: Tensor | None = None,
    preconditioner: Callable[[Tensor], Tensor] | None = None,
    max_iterations: int,
    tolerance: float,
) -> Solution:
    """Solve operator(x) = target for a symmetric positive semidefinite operator.

    Parameters
    ----------
    operator
        Linear; takes and gives tensors of the target's shape.
    target
        Right-hand side, in the operator's range.
    start
        First guess; None for zero.
    preconditioner
        Approximates the inverse of ``operator``, symmetric and positive; None for the identity.
    max_iterations
        At most so many applications of the operator.
    tolerance
        Of |target - operator(x)| / |target|.

    Returns
    -------
        The last iterate.
    """
    if max_iterations < 1:
        raise ValueError(f'max_iterations must be at least 1, got {max_iterations}')
    if tolerance < 0:
        raise ValueError(f'tolerance must be at least 0, got {tolerance}')
    value = torch.zeros_like(target) if start is None else start.clone()
    residual = target.clone() if start is None else target - operator(value)
    norm = float(target.norm())
    if norm == 0:
        return Solution(torch.zeros_like(target), 0, 0.0, converged=True)
    scaled = preconditioner(residual) if preconditioner else residual
    direction = scaled.clone()
    energy = float(_dot(residual, scaled))
    relative, n_iterations = float(residual.norm()) / norm, 0
    while relative > tolerance and n_iterations < max_iterations:
        image = operator(direction)
        curvature = float(_dot(direction, image))
        if curvature <= 0:  # nothing left that the operator sees
            break
        step = energy / curvature
        value.add_(direction, alpha=step)
        residual.sub_(image, alpha=step)
        scaled = preconditioner(residual) if preconditioner else residual
        former, energy = energy, float(_dot(residual, scaled))
        direction.mul_(energy / former).add_(scaled)
        relative, n_iterations = float(residual.norm()) / norm, n_iterations + 1
    return Solution(value, n_iterations, relative, relative <= tolerance)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return torch.linalg.vecdot(left.flatten(), right.flatten())
