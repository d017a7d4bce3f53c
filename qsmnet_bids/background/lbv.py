"""LBV: the background as the solution of a Laplacian boundary value problem.

D. Zhou et al., NMR Biomed. 27:312-319, 2014, doi:10.1002/nbm.3064.
"""

from qsmnet_bids.background.region import as_local, cut_out
from qsmnet_bids.physics.peel import peeled
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.poisson import negative_laplacian, solve_poisson
from qsmnet_bids.tensors import Convergence, LocalField, TotalField


@kept_blocks()
def lbv(
    total: TotalField,
    *,
    peel: int = 1,
    max_iterations: int = 50,
    tolerance: float = 0.0001,
) -> LocalField:
    """Take for background the harmonic function that equals the total field at the mask's border.

    The local field is zero on the border, and within it has the total field's Laplacian, of which
    a background has none.

    Parameters
    ----------
    total
        Field to split.
    peel
        Layers of voxels that are first taken off the mask, at least 0.
    max_iterations
        Of the conjugate gradients, with one multigrid cycle each.
    tolerance
        Residual, relative to the Laplacian of the total field, at which they end.

    Returns
    -------
        Local field in the voxels of the peeled mask all of whose six neighbours are in it, too:
        the mask shrinks by ``peel`` + 1 voxels.
    """
    if peel < 0:
        raise ValueError(f'peel must be at least 0, got {peel}')
    region = cut_out(total, margin_mm=0.0)
    known = peeled(region.mask, peel + 1)
    solution = solve_poisson(
        negative_laplacian(region.field, total.voxel_size),
        known,
        total.voxel_size,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return as_local(
        total,
        region,
        field=solution.value,
        known=known,
        convergence=Convergence(
            solution.n_iterations, solution.relative_residual, solution.converged
        ),
    )
