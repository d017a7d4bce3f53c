"""What the closed-form inversions share: one multiplication in k-space, free of wrap-around."""

from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.physics.dipole import convolve, dipole_kernel, pad_to, padded_shape
from qsmnet_bids.tensors import ChiMap, LocalField

Grid = tuple[int, int, int]


def invert(
    local: LocalField, *, inverse: Callable[[Tensor, Grid], Tensor], correction: bool
) -> ChiMap:
    """Apply an inverse of the dipole kernel to the local field.

    Parameters
    ----------
    local
        Field to invert.
    inverse
        Gives the inverse kernel for the dipole kernel on a grid of that many voxels in x, y, z;
        may overwrite its argument.
    correction
        Whether the result is divided by the mean of inverse * kernel over k-space: what is left
        of a single voxel's susceptibility.

    Returns
    -------
        Zero outside the mask.
    """
    box = bounding_box(local.mask)
    field = local.field[box] * local.mask[box]
    crop = (field.shape[0], field.shape[1], field.shape[2])
    # half of the box more: what an inverse kernel throws that far is lost in the noise
    margin = 0.5 * max(n * size for n, size in zip(crop, local.voxel_size, strict=True))
    shape = padded_shape(crop, local.voxel_size, margin)
    kernel = dipole_kernel(
        shape, local.voxel_size, local.b0_dir, device=field.device, dtype=field.dtype
    )
    filter_ = inverse(kernel.clone(), shape)
    if correction:
        filter_ = filter_ / _full_mean(filter_ * kernel, shape[2])
    chi = convolve(pad_to(field, shape), filter_)[: crop[0], : crop[1], : crop[2]]
    return ChiMap(
        put_back(chi * local.mask[box], box, local.mask.shape),
        local.mask.clone(),
        local.voxel_size,
        local.b0_dir,
    )


def _full_mean(half: Tensor, n_z: int) -> float:
    """Average over all of k-space what is given in rfftn's half of it."""
    planes = half.sum(dim=(0, 1), dtype=torch.float64)
    twice = 2 * planes.sum() - planes[0]
    if n_z % 2 == 0:
        twice = twice - planes[-1]
    return float(twice) / (half.shape[0] * half.shape[1] * n_z)
