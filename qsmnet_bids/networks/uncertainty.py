"""How sure a reconstruction is of each voxel, from what it makes of equivalent problems.

A volume that is mirrored or whose axes are swapped, with B0 turned likewise, is the same problem
and has the same solution, mirrored. Noise of the size that the field's fit reports is added to one
member of each pair and subtracted from the other. What the members do not agree upon is not known.
"""

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from qsmnet_bids.tensors import LocalField, TotalField, Volume
from qsmnet_bids.vectors import Vector

Field = TypeVar('Field', LocalField, TotalField)
Symmetry = tuple[tuple[int, int, int], tuple[int, ...]]

SYMMETRIES: tuple[Symmetry, ...] = tuple(
    ((order[0], order[1], order[2]), mirrored)
    for order in itertools.permutations(range(3))
    for n in range(4)
    for mirrored in itertools.combinations(range(3), n)
)
"""All 48 of a cube: which axis comes where, and which are mirrored then; the identity first."""


@dataclass(frozen=True)
class Ensemble:
    """What the members of an ensemble agree upon, and how far they do not.

    Parameters
    ----------
    mean
        ppm.
    deviation
        Standard deviation, ppm, zero outside the mask.
    """

    mean: Volume
    deviation: Volume


def ensemble(
    given: Field,
    *,
    method: Callable[[Field], Volume],
    n_members: int = 8,
    with_noise: bool = True,
    factor: float = 1.0,
    seed: int = 0,
) -> Ensemble:
    """Apply a method to mirrored and turned copies of a field, with noise added, and compare.

    Parameters
    ----------
    given
        Field to reconstruct from.
    method
        Makes a volume of the field's shape of it, for any voxel size and direction of B0.
    n_members
        2 to 48; beyond 8 the axes are swapped, too.
    with_noise
        Whether noise is added, in pairs of opposite sign.
    factor
        What the standard deviation is multiplied by, from a calibration.
    seed
        Of the noise.

    Returns
    -------
        On the field's own axes.
    """
    if not 2 <= n_members <= len(SYMMETRIES):
        raise ValueError(f'n_members must be in [2, {len(SYMMETRIES)}], got {n_members}')
    if factor <= 0:
        raise ValueError(f'factor must be positive, got {factor}')
    generator = torch.Generator().manual_seed(seed)
    mean, squares = torch.zeros_like(given.field), torch.zeros_like(given.field)
    noise = torch.zeros_like(given.field)
    for number, symmetry in enumerate(SYMMETRIES[:n_members]):
        if with_noise and number % 2 == 0:
            # drawn where every machine draws the same
            random = torch.randn(given.field.shape, generator=generator)
            noise = random.to(noise) * torch.where(given.mask, given.noise, 0)
        shifted = given.field + (noise if number % 2 == 0 else -noise)
        member = turned_back(method(turned(_with_field(given, shifted), symmetry)), symmetry)
        # Welford's update: one pass, two volumes
        before = member - mean
        mean += before / (number + 1)
        squares += before * (member - mean)
    deviation = factor * (squares / (n_members - 1)).sqrt_() * given.mask
    return Ensemble(mean, deviation)


def turned(given: Field, symmetry: Symmetry) -> Field:
    """Swap and mirror the axes of a field, of its voxels and of B0.

    Parameters
    ----------
    given
        Not changed.
    symmetry
        One of ``SYMMETRIES``.
    """
    order, mirrored = symmetry

    def turn(volume: Tensor) -> Tensor:
        return volume.permute(order).flip(mirrored)

    def turn_optional(volume: Tensor | None) -> Tensor | None:
        return None if volume is None else turn(volume)

    b0_dir = _swapped(given.b0_dir, order)
    signs = [-1 if axis in mirrored else 1 for axis in range(3)]
    return dataclasses.replace(
        given,
        field=turn(given.field),
        noise=turn(given.noise),
        mask=turn(given.mask),
        voxel_size=_swapped(given.voxel_size, order),
        b0_dir=(signs[0] * b0_dir[0], signs[1] * b0_dir[1], signs[2] * b0_dir[2]),
        magnitude=turn_optional(given.magnitude),
        r2star=turn_optional(given.r2star),
    )


def turned_back(volume: Tensor, symmetry: Symmetry) -> Tensor:
    """Undo what ``turned`` does to a volume.

    Parameters
    ----------
    volume
        On the turned axes.
    symmetry
        One of ``SYMMETRIES``.
    """
    order, mirrored = symmetry
    return volume.flip(mirrored).permute(sorted(range(3), key=order.__getitem__))


def _swapped(vector: Vector, order: tuple[int, int, int]) -> Vector:
    return vector[order[0]], vector[order[1]], vector[order[2]]


def _with_field(given: Field, field: Tensor) -> Field:
    return dataclasses.replace(given, field=field)
