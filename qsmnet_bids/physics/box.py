"""The box around a mask: what lies outside it costs time and memory and says nothing."""

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
    if not bool(mask.any()):
        raise ValueError('the mask is empty')
    x, y, z = (_extent(mask.any(dim=others)) for others in ((1, 2), (0, 2), (0, 1)))
    return x, y, z


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


def _extent(used: Tensor) -> slice:
    where = used.nonzero()
    return slice(int(where[0]), int(where[-1]) + 1)
