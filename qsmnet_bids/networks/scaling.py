"""The scale of a field, by which networks divide their inputs and multiply their outputs.

A field twice as strong is caused by sources twice as strong: a network that sees fields of one
scale and gives its output back the field's own is proportional, whatever it has learnt.
"""

import torch
from torch import Tensor

VOXELS = (1, 2, 3, 4)


def spread(field: Tensor, mask: Tensor) -> Tensor:
    """Give the standard deviation in the mask.

    Parameters
    ----------
    field
        ppm, shape ``(n, 1, x, y, z)``.
    mask
        1 where the field is known, else 0.

    Returns
    -------
        ppm, shape ``(n, 1, 1, 1, 1)``.
    """
    count = mask.sum(VOXELS, keepdim=True)
    mean = (field * mask).sum(VOXELS, keepdim=True) / count.clamp(min=1)
    squares = ((field - mean) * mask).square().sum(VOXELS, keepdim=True)
    return (squares / (count - 1).clamp(min=1)).sqrt()


def mean_magnitude(field: Tensor, mask: Tensor) -> Tensor:
    """Give the mean absolute value in the mask, which few strong voxels do not decide.

    Parameters
    ----------
    field
        ppm, shape ``(n, 1, x, y, z)``.
    mask
        1 where the field is known, else 0.

    Returns
    -------
        ppm, shape ``(n, 1, 1, 1, 1)``.
    """
    count = mask.sum(VOXELS, keepdim=True)
    return (field * mask).abs().sum(VOXELS, keepdim=True) / count.clamp(min=1)


def divisor(scale: Tensor) -> Tensor:
    """Give what to divide by: the scale, or 1 where there is no field.

    Parameters
    ----------
    scale
        At least 0.
    """
    return torch.where(scale > 0, scale, torch.ones_like(scale))
