"""Parts of a mask that do not touch: the turn of each is a matter of its own."""

import numpy as np
import torch
from scipy import ndimage

from qsmnet_bids.tensors import Mask, Volume


def level(unwrapped: Volume, *, mask: Mask) -> Volume:
    """Bring the median of every connected part of a mask to [-pi, pi] by whole turns.

    Parameters
    ----------
    unwrapped
        rad.
    mask
        Where it is known; voxels that share a face are connected.

    Returns
    -------
        rad, zero outside the mask.
    """
    part, n_parts = ndimage.label(mask.cpu().numpy())
    values, part = unwrapped[mask].cpu().numpy(), part[part > 0] - 1
    order = np.lexsort((values, part)) if n_parts > 1 else np.argsort(values)
    counts = np.bincount(part, minlength=n_parts)
    middles = values[order[np.cumsum(counts) - counts + (counts - 1) // 2]]
    turns = torch.from_numpy(np.rint(middles / (2 * np.pi))[part]).to(unwrapped)
    result = torch.zeros_like(unwrapped)
    result[mask] = unwrapped[mask] - 2 * torch.pi * turns
    return result
