"""Truncated k-space division.

S. Wharton, A. Schäfer and R. Bowtell, Magn. Reson. Med. 63:1292-1304, 2010, doi:10.1002/mrm.22334.
"""

import torch
from torch import Tensor

from qsmnet_bids.inversion.closed_form import Grid, invert
from qsmnet_bids.tensors import ChiMap, LocalField


def tsvd(local: LocalField, *, threshold: float = 0.15, correction: bool = False) -> ChiMap:
    """Divide by the dipole kernel where it is large, and leave the rest out.

    chi(k) = field(k) / D(k) where |D| > threshold, else 0. Without the correction a uniform sphere
    comes out weaker by the share of k-space that is left out.

    Parameters
    ----------
    local
        Field to invert.
    threshold
        In (0, 2/3), without unit.
    correction
        Whether the underestimation that the truncation causes is divided out.

    Returns
    -------
        Zero outside the mask.
    """
    if not 0 < threshold < 2 / 3:
        raise ValueError(f'threshold must be in (0, 2/3), got {threshold}')

    def inverse(kernel: Tensor, _shape: Grid) -> Tensor:
        return torch.where(kernel.abs() > threshold, kernel.reciprocal(), 0.0)

    return invert(local, inverse=inverse, correction=correction)
