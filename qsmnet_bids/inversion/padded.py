"""The dipole inversion as iterative methods see it: cropped to the mask, padded, weighted."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import dipole_kernel, pad_to, padded_shape
from qsmnet_bids.solvers.solution import Solution
from qsmnet_bids.tensors import ChiMap, Convergence, LocalField, Mask, Volume

Weighting = Literal['none', 'mask', 'noise']

DIPOLE_MAX = 2 / 3
"""Greatest magnitude of the dipole kernel."""
MARGIN_MM = 20.0
"""Least distance to the next periodic image."""


@dataclass(frozen=True)
class Padded:
    """A local field on a periodic grid that is larger than the mask's box.

    Parameters
    ----------
    local
        The whole field.
    box
        Of the mask.
    field
        ppm, zero outside the mask.
    inside
        The mask.
    kernel
        Of the dipole, as ``physics.dipole`` lays it out.
    """

    local: LocalField
    box: Box
    field: Volume
    inside: Mask
    kernel: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in x, y, z of the periodic grid."""
        x, y, z = self.field.shape
        return x, y, z


def pad_field(local: LocalField) -> Padded:
    """Crop a field to its mask, and pad it against wrap-around.

    Parameters
    ----------
    local
        Field to invert.
    """
    box = bounding_box(local.mask)
    mask = local.mask[box]
    crop = (mask.shape[0], mask.shape[1], mask.shape[2])
    shape = padded_shape(crop, local.voxel_size, MARGIN_MM)
    field = local.field[box] * mask
    kernel = dipole_kernel(
        shape, local.voxel_size, local.b0_dir, device=field.device, dtype=field.dtype
    )
    return Padded(local, box, pad_to(field, shape), pad_to(mask, shape), kernel)


def data_weights(padded: Padded, *, weighting: Weighting) -> Volume:
    """Say how much each voxel's field counts.

    Parameters
    ----------
    padded
        The problem.
    weighting
        ``'none'``: 1 everywhere, so that the field is taken for zero outside the mask; ``'mask'``:
        1 in the mask, 0 outside; ``'noise'``: in the mask the median of the noise divided by the
        noise, or 1 in all of it where the noise is not known, which is to say zero.

    Returns
    -------
        Factor of the residual, at most 1, without unit.
    """
    if weighting == 'none':
        return torch.ones_like(padded.field)
    inside = padded.inside.to(padded.field.dtype)
    if weighting == 'mask':
        return inside
    local = padded.local
    median = local.noise[local.mask].median()
    if float(median) <= 0:
        return inside
    noise = pad_to(local.noise[padded.box], padded.shape)
    return (median / noise.clamp(min=float(median))).mul_(inside)


def check_limits(max_iterations: int, tolerance: float) -> None:
    """Refuse what no iteration can end by.

    Parameters
    ----------
    max_iterations
        At least 1.
    tolerance
        At least 0.
    """
    if max_iterations < 1 or tolerance < 0:
        raise ValueError(
            'max_iterations must be at least 1 and tolerance at least 0, '
            f'got {max_iterations} and {tolerance}'
        )


def to_map(padded: Padded, solution: Solution) -> ChiMap:
    """Undo the padding and the crop.

    Parameters
    ----------
    padded
        The problem.
    solution
        Susceptibility on the periodic grid, ppm.

    Returns
    -------
        Zero outside the mask.
    """
    local, box = padded.local, padded.box
    x, y, z = local.mask[box].shape
    chi = solution.value[:x, :y, :z] * local.mask[box]
    return ChiMap(
        put_back(chi, box, local.mask.shape),
        local.mask.clone(),
        local.voxel_size,
        local.b0_dir,
        convergence=Convergence(
            solution.n_iterations, solution.relative_residual, solution.converged
        ),
    )
