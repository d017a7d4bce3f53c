"""White matter whose fibres are magnetised more along than across.

Along B0 such tissue causes a field that no isotropic susceptibility explains, which living heads
have and simulated ones have not. What maps of theirs are compared with is the isotropic
susceptibility that explains the fields of many orientations best, COSMOS: T. Liu et al., Magn.
Reson. Med. 61:196-204, 2009, doi:10.1002/mrm.21828.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.physics.anisotropy import fibre_tensor, spectrum_along, unit_frequencies
from qsmnet_bids.vectors import Vector
from training.worlds.dice import Dice
from training.worlds.matter import Grid, Matter
from training.worlds.measured import Limits, rms
from training.worlds.noise import smooth

BUNDLE = (0.05, 0.2)
"""How far fibres run alike, relative to the world's side."""
CROSSING = 0.5
"""The larger, the less order there is where bundles meet."""
N_TURNED = 6
TURNS_RAD = (math.radians(25), math.radians(60))
"""Orientations of the head beside its own, and how far they are turned from it."""
LEAST_SQUARES = 0.01
"""Least mean square of the kernels of all orientations."""


@dataclass(frozen=True)
class Ordered:
    """What order adds; both of shape ``(world, x, y, z)``.

    Parameters
    ----------
    field
        To the field along B0, ppm.
    chi
        To the susceptibility that the fields of many orientations show, ppm.
    """

    field: Tensor
    chi: Tensor


def ordered(
    dice: Dice, matter: Matter, mask: Tensor, grid: Grid, local: Tensor, limits: Limits
) -> Ordered:
    """Draw fibres, and how much more they are magnetised along than across.

    Parameters
    ----------
    dice
        To draw with.
    matter
        Of the worlds.
    mask
        1 or 0.
    grid
        Of the worlds.
    local
        Field without order, which gives the scale, ppm.
    limits
        Least and greatest strength.
    """
    n = grid.n_worlds
    spacing = max(2.0, grid.side * dice.rng.uniform(*BUNDLE))
    fibres = smooth(dice, 3 * n, grid.shape, spacing).view(n, 3, *grid.shape)
    fibres = fibres / (torch.linalg.vector_norm(fibres, dim=1, keepdim=True) + CROSSING)
    share = dice.log_uniform(n, limits.least * limits.order, limits.order)
    share = dice.chance(n, 0.7) * share
    turns = dice.rng.uniform(*TURNS_RAD, size=n).tolist()
    fields, maps = [], []
    for world, turn in enumerate(turns):
        tensor = fibre_tensor(fibres[world], matter.white[world] * mask[world])
        units = unit_frequencies(grid.shape, grid.voxel_sizes[world], device=dice.device)
        field, chi = _measured(tensor, units, _turned(grid.b0_dirs[world], turn))
        fields.append(field)
        maps.append(chi)
    field, chi = torch.stack(fields), torch.stack(maps)
    factor = share * rms(local, mask) / rms(field, mask)
    return Ordered(field * factor, chi * factor)


def _measured(tensor: Tensor, units: Tensor, b0_dirs: list[Vector]) -> tuple[Tensor, Tensor]:
    """Give the field along the first direction, and what explains those along all of them best."""
    shape = tensor.shape[2:]
    spectra = torch.fft.rfftn(tensor, dim=(2, 3, 4))
    fields = [spectrum_along(spectra, units, b0_dir) for b0_dir in b0_dirs]
    explained, squares = torch.zeros_like(fields[0]), torch.zeros_like(units[0])
    for field, b0_dir in zip(fields, b0_dirs, strict=True):
        kernel = 1 / 3 - torch.einsum('ixyz,i->xyz', units, units.new_tensor(b0_dir)).square()
        explained += kernel * field
        squares += kernel.square()
    explained /= squares.clamp(min=LEAST_SQUARES * len(b0_dirs))
    return torch.fft.irfftn(fields[0], s=shape), torch.fft.irfftn(explained, s=shape)


def _turned(b0_dir: Vector, turn: float) -> list[Vector]:
    """Give B0, and directions all around it that are turned from it by the same angle."""
    b0 = np.asarray(b0_dir)
    first, second = np.linalg.svd(b0[None])[2][1:]
    dirs = [b0_dir]
    for angle in 2 * np.pi * np.arange(N_TURNED) / N_TURNED:
        across = np.cos(angle) * first + np.sin(angle) * second
        x, y, z = (np.cos(turn) * b0 + np.sin(turn) * across).tolist()
        dirs.append((x, y, z))
    return dirs
