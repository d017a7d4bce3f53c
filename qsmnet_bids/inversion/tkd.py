"""Thresholded k-space division.

K. Shmueli et al., Magn. Reson. Med. 62:1510-1522, 2009, doi:10.1002/mrm.22135. The correction of
its underestimation: F. Schweser et al., Magn. Reson. Med. 69:1582-1594, 2013,
doi:10.1002/mrm.24405.
"""

import torch
from torch import Tensor

from qsmnet_bids.inversion.closed_form import Grid, invert
from qsmnet_bids.tensors import ChiMap, LocalField


def tkd(local: LocalField, *, threshold: float = 0.2, correction: bool = True) -> ChiMap:
    """Divide by the dipole kernel, held away from zero.

    chi(k) = field(k) / D(k) where |D| > threshold, else sign(D) field(k) / threshold.

    Parameters
    ----------
    local
        Field to invert.
    threshold
        In (0, 2/3), without unit.
    correction
        Whether the underestimation that the threshold causes is divided out.

    Returns
    -------
        Zero outside the mask.
    """
    if not 0 < threshold < 2 / 3:
        raise ValueError(f'threshold must be in (0, 2/3), got {threshold}')

    def inverse(kernel: Tensor, _shape: Grid) -> Tensor:
        held = torch.where(kernel < 0, -1.0, 1.0).mul_(kernel.abs_().clamp_(min=threshold))
        return held.reciprocal_()

    return invert(local, inverse=inverse, correction=correction)
