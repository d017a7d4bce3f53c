"""The box around a mask: what lies outside it costs time and memory and says nothing."""

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.tensors import Mask

Box = tuple[slice, slice, slice]


def bounding_box(mask: Mask) -> Box:
    """Find the smallest box that holds a mask.

    Parameters
    ----------
    mask
        At least one voxel.

    Returns
    -------
        Slices along x, y, z.

    >>> mask = torch.zeros(4, 4, 4, dtype=torch.bool)
    >>> mask[1, 2:, 0] = True
    >>> bounding_box(mask)
    (slice(1, 2, None), slice(2, 4, None), slice(0, 1, None))
    """
    # NumPy's any() over booleans is ten times as fast as PyTorch's
    known: np.ndarray = mask.numpy(force=True)
    x = _extent(np.any(known, axis=(1, 2)))
    return x, _extent(np.any(known[x], axis=(0, 2))), _extent(np.any(known[x], axis=(0, 1)))


def put_back(volume: Tensor, box: Box, shape: torch.Size) -> Tensor:
    """Undo a crop: zeros everywhere but in the box.

    Parameters
    ----------
    volume
        What fills the box, any unit.
    box
        Slices along x, y, z, as ``bounding_box`` gives them.
    shape
        Voxels in x, y, z of the result.
    """
    whole = volume.new_zeros(shape)
    whole[box] = volume
    return whole


def _extent(used: np.ndarray | np.bool) -> slice:
    where = np.flatnonzero(used)
    if len(where) == 0:
        raise ValueError('the mask is empty')
    return slice(int(where[0]), int(where[-1]) + 1)
