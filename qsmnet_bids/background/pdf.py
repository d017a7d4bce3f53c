"""PDF: projection onto the fields of dipoles outside the mask.

T. Liu et al., NMR Biomed. 24:1129-1136, 2011, doi:10.1002/nbm.1670.
"""

import torch
from torch import Tensor

from qsmnet_bids.background.region import as_local, cut_out, noise_weights
from qsmnet_bids.physics.dipole import convolve, dipole_kernel
from qsmnet_bids.physics.peel import peeled
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Convergence, LocalField, TotalField


@kept_blocks()
def pdf(
    total: TotalField,
    *,
    peel: int = 1,
    margin: float = 40.0,
    max_iterations: int = 60,
    tolerance: float = 0.001,
) -> LocalField:
    """Fit the total field by dipoles outside the mask and a constant, and subtract the fit.

    Minimise |W (D chi + constant - field)|^2 over chi outside the mask, by conjugate gradients on
    the normal equations from chi = 0, where W is the inverse of the noise. The dipoles may lie in
    the margin, too. D is periodic: the periodic image of such a dipole is outside the mask as
    well, so that its field is a background.

    Parameters
    ----------
    total
        Field to split.
    peel
        Layers of voxels that are first taken off the mask, at least 0. Dipoles may lie there.
    margin
        Added to the mask's bounding box, mm.
    max_iterations
        Of the conjugate gradients.
    tolerance
        Gradient of what is minimised, relative to that at chi = 0, at which they end.

    Returns
    -------
        Local field in the peeled mask; its weighted mean is zero.
    """
    if not margin > 0:
        raise ValueError(f'margin must be positive, got {margin}')
    if peel < 0:
        raise ValueError(f'peel must be at least 0, got {peel}')
    region = cut_out(total, margin_mm=margin)
    known = peeled(region.mask, peel)
    outside = ~known
    kernel = dipole_kernel(
        region.shape,
        total.voxel_size,
        total.b0_dir,
        device=region.field.device,
        dtype=region.field.dtype,
    )
    power = noise_weights(total, region).square_().mul_(known)
    level = power.sum()

    def weighted(field: Tensor) -> Tensor:
        """Take away the weighted mean, then weigh twice."""
        mean = torch.linalg.vecdot(power.flatten(), field.flatten()) / level
        return field.sub_(mean).mul_(power)

    def operator(chi: Tensor) -> Tensor:
        return convolve(weighted(convolve(chi, kernel)), kernel).mul_(outside)

    target = convolve(weighted(region.field.clone()), kernel).mul_(outside)
    solution = conjugate_gradients(
        operator, target, max_iterations=max_iterations, tolerance=tolerance
    )
    local = region.field - convolve(solution.value, kernel)
    local -= torch.linalg.vecdot(power.flatten(), local.flatten()) / level
    return as_local(
        total,
        region,
        field=local,
        known=known,
        convergence=Convergence(
            solution.n_iterations, solution.relative_residual, solution.converged
        ),
    )
