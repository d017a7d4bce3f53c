"""What removing the background leaves of a local field, by the app's own methods.

A method that knows the background only as what is harmonic in the mask takes every harmonic part
of the local field along, the more so the nearer to the mask's border; and it leaves some of the
background there, whose sources are near and strong.
"""

import torch
from torch import Tensor

from qsmnet_bids.background import METHODS
from qsmnet_bids.tensors import TotalField
from training.worlds.dice import Dice
from training.worlds.matter import Grid

NAMES = ('lbv', 'vsharp')
SIDES_MM = (0.8, 3.0)
"""Of a cube of a voxel's volume: heads fill from sixty to two hundred voxels."""
LEAST = 0.02
"""Share of a world that must be left."""


def removed(
    dice: Dice,
    field: Tensor,
    total: Tensor,
    noise: Tensor,
    mask: Tensor,
    grid: Grid,
    *,
    share: float,
) -> tuple[Tensor, Tensor]:
    """Measure some worlds with a background that is then removed.

    Parameters
    ----------
    dice
        To draw with.
    field, total, noise
        Local field as it is measured, the same with the background's, and the standard deviation
        of either, ppm, shape ``(world, x, y, z)``.
    mask
        1 or 0.
    grid
        Of the worlds.
    share
        Of the worlds that are treated so.

    Returns
    -------
        Local field, ppm, zero outside the mask of those worlds, and the mask, from which the
        methods take a layer; a world of which they would leave next to nothing stays as it is.
    """
    n = grid.n_worlds
    chosen, kinds = dice.rng.random(n) < share, dice.rng.integers(len(NAMES), size=n)
    low, high = SIDES_MM
    sides = dice.rng.uniform(low, high, size=n)
    field, mask = field.clone(), mask.clone()
    for world in torch.arange(n)[torch.as_tensor(chosen)].tolist():
        x, y, z = (float(side * sides[world]) for side in grid.voxel_sizes[world])
        measured = TotalField(
            total[world] * mask[world],
            noise[world],
            mask[world] > 0,
            (x, y, z),
            grid.b0_dirs[world],
        )
        local = METHODS[NAMES[kinds[world]]](measured)
        if float(local.mask.float().mean()) < LEAST:
            continue
        field[world], mask[world] = local.field, local.mask.to(mask.dtype)
    return field, mask
