"""Voxels that average what is finer than they are, as a scanner's do."""

import math

import torch
from torch import Tensor, nn


def block_mean(volumes: Tensor, n: int) -> Tensor:
    """Average blocks of ``n`` voxels a side; what is left over at the ends is cut off.

    Parameters
    ----------
    volumes
        Shape ``(..., x, y, z)``.
    n
        Sides of a block.

    Returns
    -------
        float32, shape ``(..., x // n, y // n, z // n)``.
    """
    x, y, z = volumes.shape[-3:]
    means = nn.functional.avg_pool3d(volumes.float().reshape(-1, 1, x, y, z), n)
    return means.view(*volumes.shape[:-3], *means.shape[2:])


def averaged_field(field: Tensor, weight: Tensor, turns: float | Tensor, n: int) -> Tensor:
    """Give the field that the phase of the voxels' mean signal tells.

    Parameters
    ----------
    field
        ppm, shape ``(..., x, y, z)``.
    weight
        Magnitude of the signal, in any unit.
    turns
        Phase that a field of 1 ppm makes, rad; one number, or of shape ``(..., 1, 1, 1)``.
    n
        Sides of a voxel in those of the field's.

    Returns
    -------
        ppm, shape ``(..., x // n, y // n, z // n)``: of all fields with that phase the one that is
        nearest to the mean field.
    """
    phase = torch.atan2(
        block_mean(weight * (turns * field).sin(), n),
        block_mean(weight * (turns * field).cos(), n),
    )
    mean = turns * block_mean(field, n)
    return (mean + torch.remainder(phase - mean + math.pi, 2 * math.pi) - math.pi) / turns
