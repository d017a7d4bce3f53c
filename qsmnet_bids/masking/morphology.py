"""Shapes of masks: grow, shrink, open, close and fill, with radii in mm.

What lies beyond the volume's border counts as unknown: shrinking does not start from there.
"""

import math

import numpy as np
import torch
from scipy import ndimage

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import convolve, pad_to, padded_shape
from qsmnet_bids.tensors import Mask
from qsmnet_bids.vectors import Vector


def dilate(mask: Mask, radius: float, *, voxel_size: Vector) -> Mask:
    """Add all voxels whose centre lies within a radius of a voxel of the mask.

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
    shape = padded_shape((small.shape[0], small.shape[1], small.shape[2]), voxel_size, radius)
    axes = [torch.arange(-n, n + 1, device=mask.device) for n in reach]
    x, y, z = (axis * size for axis, size in zip(axes, voxel_size, strict=True))
    ball = x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 <= radius**2 * (1 + 1e-5)
    kernel = pad_to(ball.float(), (shape[0], shape[1], shape[2]))
    kernel = torch.roll(kernel, [-n for n in reach], dims=(0, 1, 2))
    # The convolution counts voxels, so that a half is far from any rounding.
    count = convolve(pad_to(small.float(), shape), torch.fft.rfftn(kernel).real)
    result = mask.clone()
    result[box] = count[: small.shape[0], : small.shape[1], : small.shape[2]] > 0.5
    return result


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


def solid(
    candidate: Mask, *, voxel_size: Vector, opening_radius: float, closing_radius: float
) -> Mask:
    """Make one solid body of the voxels that look like tissue.

    Small gaps are closed, bridges thinner than the opening (from brain to scalp) are cut, the
    largest part is kept, and gaps and holes in it (veins, bleeds) are filled. Close to the
    surface, by less than the closing, nothing is filled: above the sinuses a gap is no tissue.

    Parameters
    ----------
    candidate
        Voxels that look like tissue; at least one.
    voxel_size
        mm.
    opening_radius
        mm.
    closing_radius
        mm.

    Returns
    -------
        One component without holes.
    """
    if not bool(candidate.any()):
        raise ValueError('no voxel looks like tissue; lower the thresholds or provide a mask')
    # No filling yet: the scalp may enclose the skull and all.
    body = close(candidate, max(voxel_size), voxel_size=voxel_size)
    core = erode(body, opening_radius, voxel_size=voxel_size)
    if bool(core.any()):
        core = largest_component(core)
        body &= dilate(core, opening_radius + max(voxel_size), voxel_size=voxel_size)
    body = largest_component(body)
    closed = fill_holes(close(body, closing_radius, voxel_size=voxel_size))
    body |= erode(closed, closing_radius, voxel_size=voxel_size)
    return fill_holes(largest_component(body))


def _grown(box: Box, margin: tuple[int, int, int]) -> Box:
    x, y, z = (
        slice(max(0, side.start - n), side.stop + n) for side, n in zip(box, margin, strict=True)
    )
    return x, y, z
