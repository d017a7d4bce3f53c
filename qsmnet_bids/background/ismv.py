"""iSMV: the mean over a sphere, taken again and again until it no longer changes.

Y. Wen et al., Magn. Reson. Med. 72:1065-1071, 2014, doi:10.1002/mrm.24998.
"""

from torch import Tensor

from qsmnet_bids.background.deviation import deviation
from qsmnet_bids.background.region import as_local
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Convergence, LocalField, TotalField


@kept_blocks()
def ismv(
    total: TotalField,
    *,
    radius: float = 5.0,
    max_iterations: int = 100,
    tolerance: float = 0.001,
) -> LocalField:
    """Take for background what equals its own mean over spheres and the total field at the border.

    The iteration background <- sphere * background, where spheres lie in the mask, and the total
    field elsewhere, ends with E (1 - sphere) E local = E (1 - sphere) field, where E keeps the
    voxels whose sphere lies in the mask. Conjugate gradients reach that end in fewer steps.

    Parameters
    ----------
    total
        Field to split.
    radius
        Of the sphere, mm. The mask shrinks by it.
    max_iterations
        Of the conjugate gradients.
    tolerance
        Residual, relative to that of no local field, at which they end.

    Returns
    -------
        Local field in the voxels whose sphere lies in the mask.
    """
    start = deviation(total, radius=radius)

    def operator(local: Tensor) -> Tensor:
        return convolve(local, start.sharpness).mul_(start.known)

    solution = conjugate_gradients(
        operator, start.values, max_iterations=max_iterations, tolerance=tolerance
    )
    return as_local(
        total,
        start.region,
        field=solution.value,
        known=start.known,
        convergence=Convergence(
            solution.n_iterations, solution.relative_residual, solution.converged
        ),
    )
