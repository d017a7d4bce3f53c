"""The shape of a mask, as two numbers."""

import math

import torch

from qsmnet_bids.tensors import Mask
from qsmnet_bids.vectors import Vector


def roughness(mask: Mask, *, voxel_size: Vector) -> float:
    """Compare a mask's surface with that of a sphere of its volume.

    The surface is made of voxel faces, of which a smooth surface has 3/2 of its area on average
    over all directions; a ball gives 1.

    Parameters
    ----------
    mask
        At least one voxel.
    voxel_size
        mm.
    """
    voxel = math.prod(voxel_size)
    area = 0.0
    for axis, size in enumerate(voxel_size):
        n = mask.shape[axis] - 1
        inner = int(torch.count_nonzero(mask.narrow(axis, 1, n) ^ mask.narrow(axis, 0, n)))
        area += (inner + _at_ends(mask, axis)) * voxel / size
    volume = int(torch.count_nonzero(mask)) * voxel
    return area / 1.5 / (math.pi ** (1 / 3) * (6 * volume) ** (2 / 3))


def border_fraction(mask: Mask) -> float:
    """Give the share of a mask's voxel faces that lie on the edge of the image.

    Parameters
    ----------
    mask
        At least one voxel.
    """
    ends = sum(_at_ends(mask, axis) for axis in range(3))
    inner = sum(
        int(torch.count_nonzero(mask.narrow(axis, 1, n - 1) ^ mask.narrow(axis, 0, n - 1)))
        for axis, n in enumerate(mask.shape)
    )
    return ends / (ends + inner)


def _at_ends(mask: Mask, axis: int) -> int:
    return int(torch.count_nonzero(mask.select(axis, 0))) + int(
        torch.count_nonzero(mask.select(axis, -1))
    )
