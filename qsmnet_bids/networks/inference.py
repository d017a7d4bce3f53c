"""Apply a network to a field as it comes: any size, voxel size and direction of B0."""

import dataclasses

import torch
from torch import Tensor

from qsmnet_bids.networks.closed_form import closed_form
from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.tiling import apply_network
from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import dipole_kernel, pad_to, padded_shape
from qsmnet_bids.physics.resample import b0_frame, from_frame, to_frame
from qsmnet_bids.tensors import LocalField, TotalField, Volume
from qsmnet_bids.vectors import Vector

MARGIN = 0.5
"""Zeros around the box of the mask, against wrap-around, relative to the box's longest side: for
total fields, whose sources may be far away."""
LOCAL_MARGIN_MM = 20.0
"""The same for local fields."""
CUT_MARGIN_MM = 40.0
"""The same along axes at whose ends a mask is cut off: sources are right there."""
CUT = 0.5
"""Share of the box's face that a mask covers which is cut off."""

Grid = tuple[int, int, int]


def estimate(network: Network, given: LocalField | TotalField, *, tile_size: int = 0) -> Volume:
    """Apply a network on the field's own grid, or in the frame that it was trained for.

    Parameters
    ----------
    network
        In evaluation mode, on the field's device.
    given
        What the network was made for.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask.
    """
    if network.is_turned:
        return apply_in_b0_frame(network, given, tile_size=tile_size)
    return apply_on_own_grid(network, given, tile_size=tile_size)


def apply_on_own_grid(
    network: Network, given: LocalField | TotalField, *, tile_size: int = 0
) -> Volume:
    """Crop to the mask, make what the network needs for voxel size and direction of B0, apply.

    Parameters
    ----------
    network
        In evaluation mode, on the field's device.
    given
        What the network was made for.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once. What
        is made in closed form is made of the whole volume.

    Returns
    -------
        ppm, zero outside the mask.
    """
    box = bounding_box(given.mask)
    crop = given.mask[box].shape
    x, y, z = (side + (-side) % network.multiple for side in crop)
    sample = _prepare(network, given, box, (x, y, z))
    output = apply_network(network, sample, tile_size=tile_size)[0, 0]
    inside = output[: crop[0], : crop[1], : crop[2]] * given.mask[box]
    return put_back(inside.to(given.field.dtype), box, given.mask.shape)


def apply_in_b0_frame(
    network: Network, given: LocalField | TotalField, *, tile_size: int = 0
) -> Volume:
    """Turn and resample to B0 along z and cubic voxels where need be, apply, and come back.

    Parameters
    ----------
    network
        In evaluation mode, on the field's device.
    given
        What the network was made for.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask, on the field's own grid.
    """
    mask = given.mask.to(given.field.dtype)
    sample = _sample(given.field * mask, mask, given.noise * mask)
    # the scale is that of the field as it was measured: interpolation smooths the other
    scale = network.scale(sample)
    frame = b0_frame(
        (mask.shape[0], mask.shape[1], mask.shape[2]),
        voxel_size=given.voxel_size,
        b0_dir=given.b0_dir,
    )
    if frame is not None:
        parts = (sample.field, sample.mask, sample.noise)
        field, covered, noise = (to_frame(part[0, 0], frame) for part in parts)
        sample = _sample(field, (covered > 0).to(field.dtype), noise)
    sample = dataclasses.replace(sample, scale=scale)
    output = apply_network(network, sample, tile_size=tile_size)[0, 0]
    return (output if frame is None else from_frame(output, frame)) * mask


def _prepare(network: Network, given: LocalField | TotalField, box: Box, shape: Grid) -> Sample:
    mask = given.mask[box].float()
    inside = given.mask[box]
    volumes = [
        torch.where(inside, volume[box], 0).float() for volume in (given.field, given.noise)
    ]
    field, noise, covered = (pad_to(volume, shape) for volume in (*volumes, mask))
    sample = _sample(field, covered, noise)
    if 'magnitude' in network.needs:
        if given.magnitude is None:
            raise ValueError('this network needs the magnitude, which is not known here')
        magnitude = torch.where(inside, given.magnitude[box], 0)
        relative = magnitude / magnitude[inside].median().clamp(min=1e-12)
        sample = dataclasses.replace(sample, magnitude=pad_to(relative.float(), shape)[None, None])
    padded = _padded(network, shape, given, inside)
    kernel = dipole_kernel(padded, given.voxel_size, given.b0_dir, device=field.device)[None]
    if 'inverse' in network.needs:
        parts = (sample.field, sample.mask, sample.noise, kernel)
        sample = dataclasses.replace(sample, inverse=closed_form(*parts, task=network.task))
    if 'kernel' in network.needs:
        sample = dataclasses.replace(sample, kernel=kernel)
    if 'voxel_size' in network.needs:
        sides = torch.tensor([given.voxel_size], dtype=field.dtype, device=field.device)
        cube = sides.log().mean(dim=1, keepdim=True).exp()
        sample = dataclasses.replace(sample, voxel_size=sides / cube)
    return sample


def _padded(network: Network, shape: Grid, given: LocalField | TotalField, inside: Tensor) -> Grid:
    """Enlarge by the margin to lengths that transform fast; z to an even one."""
    margins: float | Vector
    if isinstance(given, LocalField) or network.is_near_sighted:
        margins = local_margins(inside)
    else:
        sides = zip(shape, given.voxel_size, strict=True)
        margins = MARGIN * max(n * size for n, size in sides)
    x, y, z = padded_shape(shape, given.voxel_size, margins)
    while z % 2:
        z = padded_shape((x, y, z + 1), given.voxel_size, 0)[2]
    return x, y, z


def local_margins(inside: Tensor) -> Vector:
    """Give the margins of a local field along x, y and z.

    Parameters
    ----------
    inside
        Mask, cropped to its box.

    Returns
    -------
        mm; the larger one along axes at one of whose ends the mask covers most of the box.
    """
    x, y, z = (
        CUT_MARGIN_MM
        if max(_covered(inside, axis, end) for end in (0, -1)) > CUT
        else LOCAL_MARGIN_MM
        for axis in range(3)
    )
    return x, y, z


def _covered(inside: Tensor, axis: int, end: int) -> float:
    return float(inside.select(axis, end).double().mean())


def _sample(field: Tensor, mask: Tensor, noise: Tensor) -> Sample:
    return Sample(field[None, None], mask[None, None], noise[None, None])
