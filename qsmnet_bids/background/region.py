"""The part of a total field that background removal works on, and the way back from it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import pad_to, padded_shape
from qsmnet_bids.tensors import Convergence, LocalField, Mask, Removed, TotalField, Volume

MOST_OFTEN = 3.0
"""A voxel's weight is at most this multiple of the median one's, however small its noise."""


@dataclass(frozen=True)
class Region:
    """The mask's bounding box, with zeros appended so that nothing wraps around.

    Parameters
    ----------
    field
        Total field, ppm, zero outside the mask.
    mask
        Of the total field.
    box
        Where the region lies in the whole volume.
    crop
        Voxels in x, y, z of the box.
    shape
        Voxels in x, y, z with the zeros.
    """

    field: Volume
    mask: Mask
    box: Box
    crop: tuple[int, int, int]
    shape: tuple[int, int, int]


def cut_out(total: TotalField, *, margin_mm: float) -> Region:
    """Crop a total field to its mask and append room.

    Parameters
    ----------
    total
        Field to split.
    margin_mm
        Least room between one border of the mask and the periodic image of the other, mm.
    """
    box = bounding_box(total.mask)
    inside = total.mask[box]
    crop = (inside.shape[0], inside.shape[1], inside.shape[2])
    shape = padded_shape(crop, total.voxel_size, margin_mm)
    field = torch.where(inside, total.field[box], 0)
    return Region(pad_to(field, shape), pad_to(inside, shape), box, crop, shape)


def as_local(
    total: TotalField,
    region: Region,
    *,
    field: Volume,
    known: Mask,
    convergence: Convergence | None = None,
) -> LocalField:
    """Put a region's local field back into the whole volume.

    Parameters
    ----------
    total
        What was split.
    region
        Of ``total``.
    field
        Local field on the region's grid, ppm.
    known
        Where it is known, on the same grid; voxels outside the region's mask do not count.
    convergence
        Of the method, if it iterates.
    """
    upper = tuple(slice(0, n) for n in region.crop)
    mask = put_back((known & region.mask)[upper], region.box, total.mask.shape)
    local = put_back(field[upper], region.box, total.mask.shape)
    local = torch.where(mask, local, 0)
    return LocalField(
        local,
        torch.where(mask, total.noise, 0),
        mask,
        total.voxel_size,
        total.b0_dir,
        convergence,
        None if total.magnitude is None else torch.where(mask, total.magnitude, 0),
        None if total.r2star is None else torch.where(mask, total.r2star, 0),
        removed_of(total, local),
    )


def removed_of(total: TotalField, local: Volume) -> Removed:
    """Record what was taken from a total field.

    Parameters
    ----------
    total
        What was split.
    local
        What is left, ppm, zero where it is not known.
    """
    inside = total.mask
    return Removed(
        torch.where(inside, total.field - local, 0), torch.where(inside, total.noise, 0), inside
    )


def noise_weights(total: TotalField, region: Region) -> Tensor:
    """Weigh each voxel by the inverse of its noise, relative to the median one.

    Parameters
    ----------
    total
        Field with its noise; where the noise is zero throughout, all voxels weigh the same.
    region
        Of ``total``.

    Returns
    -------
        On the region's grid, from 0 to 3, zero outside the mask.
    """
    inside = total.mask[region.box]
    noise = total.noise[region.box]
    median = noise[inside].median()
    relative = torch.where(median > 0, noise / median.clamp(min=1e-30), 1)
    weights = torch.where(inside, 1 / relative.clamp(min=1 / MOST_OFTEN), 0)
    return pad_to(weights, region.shape)
