"""Errors of a field that no fit can know, white and smooth, as living heads have them."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from qsmnet_bids.physics.gaussian import gaussian
from qsmnet_bids.tensors import LocalField

CUBES = (1.0, 1.0, 1.0)


def add_error(field: LocalField, level: float, widths: Sequence[float], seed: int) -> LocalField:
    """Add errors of which nothing is told: the noise that goes with the field stays as it is.

    Parameters
    ----------
    field
        With its mask.
    level
        Standard deviation of the error over that of the field, both in the mask; 0 for none.
    widths
        Standard deviations of the Gaussians that smooth its parts, voxels; 0 for white. All parts
        are as strong.
    seed
        Of the error.
    """
    if not level:
        return field
    generator = torch.Generator().manual_seed(seed)
    error = torch.zeros_like(field.field)
    for width in widths:
        drawn = torch.randn(error.shape, generator=generator)
        part = gaussian(drawn, deviation=width, voxel_size=CUBES)
        error += part / part[field.mask].std()
    error *= level * field.field[field.mask].std() / error[field.mask].std()
    return replace(field, field=field.field + error * field.mask)
