"""Shapes of masks: grow, shrink, open, close and fill, with radii in mm.

What lies beyond the volume's border counts as unknown: shrinking does not start from there.
"""

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.tensors import Mask
from qsmnet_bids.vectors import Vector


def dilate(mask: Mask, radius: float, *, voxel_size: Vector) -> Mask:
    """Add all voxels whose centre lies within a radius of a voxel of the mask.

    The ball is a bundle of rods along x, one per offset in y and z. The mask is lengthened along x
    step by step, and what has the length of a rod is added at the offsets of all such rods.

    Parameters
    ----------
    mask
        May be empty.
    radius
        mm; 0 changes nothing.
    voxel_size
        mm.
    """
    if radius < 0:
        raise ValueError(f'radius must be at least 0, got {radius}')
    reach = [math.floor(radius / size + 1e-6) for size in voxel_size]
    if max(reach) == 0 or not bool(mask.any()):
        return mask.clone()
    box = _grown(bounding_box(mask), (reach[0], reach[1], reach[2]))
    small = mask[box]
    n_x, n_y, n_z = small.shape
    # in flat memory a shift in y and z is one number; what it carries over an end lands in padding
    padded = small.new_zeros((n_x, n_y + reach[1], n_z + reach[2]))
    padded[:, :n_y, :n_z] = small
    plane, row = padded.stride(0), padded.stride(1)
    source = padded.view(-1)
    longer, grown = source.clone(), torch.zeros_like(source)
    for length, shifts in enumerate(_rods(radius, reach, voxel_size)):
        for sign in (-length, length) if length else ():
            _add_shifted(longer, source, sign * plane)
        for y, z in shifts:
            _add_shifted(grown, longer, y * row + z)
    result = mask.clone()
    result[box] = grown.view_as(padded)[:, :n_y, :n_z]
    return result


def _rods(radius: float, reach: list[int], voxel_size: Vector) -> list[list[tuple[int, int]]]:
    """Offsets in y and z of the rods that make up a ball, by half their length in voxels."""
    rods: list[list[tuple[int, int]]] = [[] for _ in range(reach[0] + 1)]
    for y in range(-reach[1], reach[1] + 1):
        for z in range(-reach[2], reach[2] + 1):
            left = radius**2 * (1 + 1e-5) - (y * voxel_size[1]) ** 2 - (z * voxel_size[2]) ** 2
            if left >= 0:
                rods[math.floor(math.sqrt(left) / voxel_size[0])].append((y, z))
    return rods


def _add_shifted(target: Tensor, source: Tensor, shift: int) -> None:
    """Add a flat mask to another, moved on by some places."""
    n = len(target) - abs(shift)
    if n > 0:
        target.narrow(0, max(shift, 0), n).logical_or_(source.narrow(0, max(-shift, 0), n))


def erode(mask: Mask, radius: float, *, voxel_size: Vector) -> Mask:
    """Take away all voxels whose centre lies within a radius of a voxel outside the mask.

    Parameters
    ----------
    mask
        May be empty.
    radius
        mm; 0 changes nothing.
    voxel_size
        mm.
    """
    if not bool(mask.any()):
        return mask.clone()
    # whatever lies outside has something at least as near in the first layer around the mask
    box = _grown(bounding_box(mask), (1, 1, 1))
    outside = dilate(~mask[box], radius, voxel_size=voxel_size)
    return put_back(~outside, box, mask.shape)


def close(mask: Mask, radius: float, *, voxel_size: Vector) -> Mask:
    """Dilate, then erode: fills gaps and holes narrower than twice the radius.

    Parameters
    ----------
    mask
        May be empty.
    radius
        mm; 0 changes nothing.
    voxel_size
        mm.
    """
    return erode(dilate(mask, radius, voxel_size=voxel_size), radius, voxel_size=voxel_size)


def largest_component(mask: Mask) -> Mask:
    """Keep the largest of the parts that are connected through faces.

    Parameters
    ----------
    mask
        May be empty.
    """
    labels, n_parts = ndimage.label(mask.cpu().numpy())
    if n_parts < 2:
        return mask.clone()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return torch.from_numpy(labels == sizes.argmax()).to(mask.device)


def fill_holes(mask: Mask) -> Mask:
    """Fill what is enclosed in the mask: all voxels from which no path leads to the border.

    Parameters
    ----------
    mask
        May be empty.
    """
    labels, n_parts = ndimage.label(~mask.cpu().numpy())
    reached = np.zeros(n_parts + 1, dtype=bool)
    for axis in range(3):
        for end in (0, -1):
            reached[np.unique(labels.take(end, axis=axis))] = True
    reached[0] = False
    return torch.from_numpy(~reached[labels]).to(mask.device)


def box_around(mask: Mask, radius: float, *, voxel_size: Vector) -> Box:
    """Find the box of all within a radius of the mask, and one voxel more on each side.

    What is done there with that radius gives what it would give in the whole volume.

    Parameters
    ----------
    mask
        At least one voxel.
    radius
        mm.
    voxel_size
        mm.
    """
    x, y, z = (math.floor(radius / size + 1e-6) + 1 for size in voxel_size)
    return _grown(bounding_box(mask), (x, y, z))


def _grown(box: Box, margin: tuple[int, int, int]) -> Box:
    x, y, z = (
        slice(max(0, side.start - n), side.stop + n) for side, n in zip(box, margin, strict=True)
    )
    return x, y, z
