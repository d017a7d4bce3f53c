"""Worlds of geometric clutter, with every range of the thesis widened."""

import numpy as np
import torch
from torch import Tensor

from training.worlds.dice import Dice
from training.worlds.matter import Grid, Matter
from training.worlds.noise import smooth
from training.worlds.objects import CUBOID, CYLINDER, ELLIPSOID, Objects, random_rotations
from training.worlds.raster import rasterise

COVER = (1.0, 8.0)
"""Objects that overlap in a voxel on average."""
LARGEST = 0.3
"""Radius relative to the side."""
CHI_SD_PPM = (0.02, 0.3)
DENSE_OBJECTS = 15


def shapes(dice: Dice, grid: Grid) -> Matter:
    """Draw worlds of overlapping objects of all sizes.

    Parameters
    ----------
    dice
        To draw with.
    grid
        Of the worlds; objects that leave on one side enter on the other.
    """
    n, side = grid.n_worlds, grid.side
    clutter = [_clutter(dice, side) for _ in range(n)]
    sizes = grid.voxel_sizes
    chi = rasterise(
        [_in_mm(objects, size) for objects, size in zip(clutter, sizes, strict=True)],
        grid.shape,
        device=dice.device,
        voxel_sizes=sizes,
        periodic=True,
    )
    chi = chi + dice.uniform(n, 0, 0.5) * smooth(dice, n, grid.shape, side / 6)
    spread = chi.std((1, 2, 3), keepdim=True).clamp(min=1e-6)
    chi = chi * dice.log_uniform(n, *CHI_SD_PPM) / spread
    level = blob_level(dice, n, side)
    # contrast of the magnitude that has something to do with chi, and something of its own
    signal = torch.exp(
        dice.uniform(n, 0, 0.3) * smooth(dice, n, grid.shape, 6.0)
        - dice.uniform(n, 0, 1.0) * chi.abs()
    )
    return Matter(chi, level, signal, torch.zeros_like(chi))


def blob_level(dice: Dice, n: int, side: int) -> Tensor:
    """Draw bodies like potatoes; one in five fills the world.

    Parameters
    ----------
    dice
        To draw with.
    n
        Worlds.
    side
        Voxels along each axis.

    Returns
    -------
        Distance from the surface in voxels, negative inside, shape ``(n, side, side, side)``.
    """
    axis = torch.arange(side, device=dice.device) - (side - 1) / 2
    axes = (axis[:, None, None], axis[:, None], axis)
    radii = [dice.uniform(n, 0.25, 0.48) * side for _ in range(3)]
    centre = [dice.uniform(n, -0.04, 0.04) * side for _ in range(3)]
    squares = [((x - c) / r) ** 2 for x, c, r in zip(axes, centre, radii, strict=True)]
    mean = (radii[0] * radii[1] * radii[2]) ** (1 / 3)
    level = mean * ((squares[0] + squares[1] + squares[2]).sqrt() - 1)
    level = level + dice.uniform(n, 0, 0.1) * mean * smooth(dice, n, (side,) * 3, side / 6)
    return torch.where(dice.chance(n, 0.2) > 0, level - 2 * side, level)


def _clutter(dice: Dice, side: int) -> Objects:
    """Draw as many objects as cover the world some times, with more small ones than large."""
    rng = dice.rng
    n_most = DENSE_OBJECTS * side
    kind = rng.choice([ELLIPSOID, CUBOID, CYLINDER], size=n_most)
    radius = 0.6 * (LARGEST * side / 0.6) ** (rng.uniform(size=(n_most, 1)) ** 1.4)
    extents = radius * np.exp(rng.uniform(-1, 1, size=(n_most, 3)) * rng.uniform(0, 0.8))
    thin = (kind == CYLINDER) & (rng.random(n_most) < 0.5)
    extents[thin, :2] = rng.uniform(0.4, 2.5, size=(int(thin.sum()), 1))
    extents = np.clip(extents, 0.3, 0.45 * side)
    volume = np.cumsum(extents.prod(1) * 5)
    n = max(20, int(np.searchsorted(volume, rng.uniform(*COVER) * side**3)))
    # few are strong: values with heavy tails
    value = rng.standard_t(3, size=n_most).clip(-8, 8)
    objects = Objects(
        kind,
        rng.uniform(0, side, size=(n_most, 3)).astype(np.float32),
        extents.astype(np.float32),
        random_rotations(rng, n_most),
        value.astype(np.float32),
    )
    return objects.take(np.arange(n_most) < n)


def _in_mm(objects: Objects, size: tuple[float, float, float]) -> Objects:
    centre = objects.centre * np.asarray(size, np.float32)
    return Objects(objects.kind, centre, objects.extents, objects.rotation, objects.value)
