"""Unwrap along the most reliable path first.

H. Abdul-Rahman et al., Appl. Opt. 46:6623-6635, 2007, doi:10.1364/AO.46.006623, in scikit-image.
"""

import numpy as np
import torch
from skimage.restoration import unwrap_phase

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

SEED = 0
"""scikit-image breaks ties by chance; the same data must give the same map."""


def best_path(phase: Volume, *, mask: Mask, voxel_size: Vector = (1.0, 1.0, 1.0)) -> Volume:  # noqa: ARG001 - one signature for all methods
    """Unwrap by joining neighbours in the order of their reliability.

    Parameters
    ----------
    phase
        rad, in [-pi, pi].
    mask
        Where to unwrap. Parts that do not touch get offsets of their own.
    voxel_size
        mm; this method looks only at neighbours.

    Returns
    -------
        rad, differs from ``phase`` by multiples of 2 pi; the median in the mask is in [-pi, pi];
        zero outside it.
    """
    box = bounding_box(mask)
    small, inside = phase[box], mask[box]
    wrapped = np.ma.masked_array(
        small.cpu().numpy().astype(np.float64), mask=~inside.cpu().numpy()
    )
    unwrapped = torch.from_numpy(_unwrap(wrapped)).to(small)
    # The jumps are whole; taken so, they do not inherit the rounding of scikit-image's sums.
    jumps = torch.round((unwrapped - small) / (2 * torch.pi))
    jumps -= torch.round(torch.median((small + 2 * torch.pi * jumps)[inside]) / (2 * torch.pi))
    return put_back((small + 2 * torch.pi * jumps) * inside, box, phase.shape)


def _unwrap(wrapped: np.ma.MaskedArray) -> np.ndarray:
    unwrapped: np.ma.MaskedArray = unwrap_phase(wrapped, rng=SEED)  # type: ignore[no-untyped-call]
    return unwrapped.filled(0)
