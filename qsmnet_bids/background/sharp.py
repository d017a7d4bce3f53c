"""SHARP: spherical mean values, inverted where the inverse is small enough.

F. Schweser et al., NeuroImage 54:2789-2807, 2011, doi:10.1016/j.neuroimage.2010.10.070.
"""

import torch

from qsmnet_bids.background.deviation import deviation
from qsmnet_bids.background.region import as_local
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import LocalField, TotalField


@kept_blocks()
def sharp(total: TotalField, *, radius: float = 6.0, threshold: float = 0.05) -> LocalField:
    """Subtract from the field its mean over a sphere, and undo the smoothing.

    A background field is harmonic in the mask, so field - sphere * field holds local sources only;
    dividing by 1 - sphere in k-space brings their field back.

    Parameters
    ----------
    total
        Field to split.
    radius
        Of the sphere, mm. The mask shrinks by it.
    threshold
        Where |1 - sphere| is not above it in k-space, the local field is set to 0, in [0, 1).

    Returns
    -------
        Local field in the voxels whose sphere lies in the mask.
    """
    if not 0 <= threshold < 1:
        raise ValueError(f'threshold must be in [0, 1), got {threshold}')
    start = deviation(total, radius=radius)
    inverse = torch.where(start.sharpness.abs() > threshold, 1 / start.sharpness, 0)
    local = convolve(start.values, inverse)
    return as_local(total, start.region, field=local, known=start.known)
