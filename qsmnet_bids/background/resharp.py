"""RESHARP: spherical mean values, inverted with Tikhonov regularisation.

H. Sun and A. H. Wilman, Magn. Reson. Med. 71:1151-1157, 2014, doi:10.1002/mrm.24765.
"""

from torch import Tensor

from qsmnet_bids.background.deviation import deviation
from qsmnet_bids.background.region import as_local
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Convergence, LocalField, TotalField


@kept_blocks()
def resharp(
    total: TotalField,
    *,
    radius: float = 4.0,
    alpha: float = 0.0001,
    max_iterations: int = 100,
    tolerance: float = 0.01,
) -> LocalField:
    """Find the smallest local field that leaves the rest harmonic.

    Minimise |E C (field - local)|^2 + alpha |local|^2, where C = 1 - sphere takes away the mean
    over a sphere and E keeps the voxels whose sphere lies in the mask. The minimum is
    local = C E y with (E C^2 E + alpha) y = E C field. Conjugate gradients solve that at one
    convolution an iteration, and one more for the preconditioner E / (C^2 + alpha) E.

    Parameters
    ----------
    total
        Field to split.
    radius
        Of the sphere, mm. The mask shrinks by it.
    alpha
        Penalty of the local field, without unit.
    max_iterations
        Of the conjugate gradients.
    tolerance
        Residual, relative to that of no local field, at which they end.

    Returns
    -------
        Local field in the voxels whose sphere lies in the mask.
    """
    if not alpha > 0:
        raise ValueError(f'alpha must be positive, got {alpha}')
    start = deviation(total, radius=radius)
    normal = start.sharpness.square().add_(alpha)
    inverse = normal.reciprocal()

    def operator(estimate: Tensor) -> Tensor:
        return convolve(estimate, normal).mul_(start.known)

    def preconditioner(residual: Tensor) -> Tensor:
        return convolve(residual, inverse).mul_(start.known)

    solution = conjugate_gradients(
        operator,
        start.values,
        preconditioner=preconditioner,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return as_local(
        total,
        start.region,
        field=convolve(solution.value, start.sharpness),
        known=start.known,
        convergence=Convergence(
            solution.n_iterations, solution.relative_residual, solution.converged
        ),
    )
