"""Random volumes, from white to smooth."""

import math

import torch
from torch import Tensor

from training.worlds.dice import Dice

Shape = tuple[int, int, int]


def white(dice: Dice, n: int, shape: Shape) -> Tensor:
    """Draw independent normal values, shape ``(n, *shape)``.

    Parameters
    ----------
    dice
        To draw with.
    n
        Volumes.
    shape
        Voxels in x, y, z.
    """
    return torch.randn((n, *shape), generator=dice.generator, device=dice.device)


def smooth(dice: Dice, n: int, shape: Shape, spacing: float) -> Tensor:
    """Draw smooth volumes of mean 0 and variance 1: cubic B-splines with normal coefficients.

    Parameters
    ----------
    dice
        To draw with.
    n
        Volumes.
    shape
        Voxels in x, y, z.
    spacing
        Between coefficients, voxels, at least 1: the shortest wave is some two of it long.

    Returns
    -------
        Shape ``(n, *shape)``.
    """
    if spacing < 1:
        raise ValueError(f'spacing must be at least 1, got {spacing}')
    starts = dice.rng.uniform(0, 1, size=3)
    bases = [
        _basis(side, spacing, start, dice.device)
        for side, start in zip(shape, starts, strict=True)
    ]
    volume = torch.randn(
        (n, *(basis.shape[1] for basis in bases)), generator=dice.generator, device=dice.device
    )
    for basis in bases:  # each turn takes the first axis and puts the next one in its place
        volume = torch.tensordot(volume, basis, dims=([1], [1]))
    return volume


def _basis(side: int, spacing: float, start: float, device: torch.device) -> Tensor:
    """Give what each coefficient adds to each voxel, scaled to a unit sum of squares."""
    n_knots = math.ceil(side / spacing) + 4
    place = torch.arange(side, device=device) / spacing + start + 1
    t = (place[:, None] - torch.arange(n_knots, device=device)).abs()
    inner, outer = 2 / 3 - t.square() * (1 - t / 2), (2 - t).clamp(min=0) ** 3 / 6
    basis = torch.where(t < 1, inner, outer)
    return basis / basis.square().sum(1, keepdim=True).sqrt()
