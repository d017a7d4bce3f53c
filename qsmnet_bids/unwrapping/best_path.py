"""Unwrap along the most reliable path first.

H. Abdul-Rahman et al., Appl. Opt. 46:6623-6635, 2007, doi:10.1364/AO.46.006623, in scikit-image.
"""

import numpy as np
import torch
from skimage.restoration import unwrap_phase

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, Volume
from qsmnet_bids.unwrapping.regions import level
from qsmnet_bids.unwrapping.temporal import crop, in_space, in_time, uncrop

SEED = 0
"""scikit-image breaks ties by chance; the same data must give the same map."""


def best_path(echoes: MultiEcho, *, mask: Mask, follow: bool = True) -> Echoes:
    """Unwrap by joining neighbours in the order of their reliability.

    Parameters
    ----------
    echoes
        Without phase offset, if the echoes are to follow.
    mask
        Where to unwrap. Parts that do not touch are unwrapped by themselves.
    follow
        Unwrap only the first echo in space, and the others in time: each voxel to the turn that
        its earlier echoes predict, so that no echo is off by turns where signal fades. Otherwise
        each echo is unwrapped in space.

    Returns
    -------
        rad, differs from the phase by multiples of 2 pi; the median of the first echo in each part
        of the mask is in [-pi, pi]; zero outside it.
    """
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]
    if follow:
        unwrapped = in_time(_unwrap(small.phase[0], inside), small, mask=inside)
    else:
        unwrapped = in_space(small, lambda i: _unwrap(small.phase[i], inside), mask=inside)
    return uncrop(unwrapped, box, mask.shape)


def _unwrap(phase: Volume, mask: Mask) -> Volume:
    wrapped = np.ma.masked_array(phase.cpu().numpy().astype(np.float64), mask=~mask.cpu().numpy())
    found: np.ma.MaskedArray = unwrap_phase(wrapped, rng=SEED)  # type: ignore[no-untyped-call]
    unwrapped = torch.from_numpy(found.filled(0)).to(phase)
    # The jumps are whole; taken so, they do not inherit the rounding of scikit-image's sums.
    jumps = torch.round((unwrapped - phase) / (2 * torch.pi))
    return level((phase + 2 * torch.pi * jumps) * mask, mask=mask)
