"""The symmetries of a grid: mirrored, or with its axes swapped, a volume is the same problem."""

import dataclasses
import itertools
from typing import TypeVar

from torch import Tensor

from qsmnet_bids.tensors import LocalField, Removed, TotalField
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
    result = dataclasses.replace(
        given,
        field=turn(given.field),
        noise=turn(given.noise),
        mask=turn(given.mask),
        voxel_size=_swapped(given.voxel_size, order),
        b0_dir=(signs[0] * b0_dir[0], signs[1] * b0_dir[1], signs[2] * b0_dir[2]),
        magnitude=turn_optional(given.magnitude),
        r2star=turn_optional(given.r2star),
    )
    if isinstance(result, LocalField) and result.removed is not None:
        taken = result.removed
        removed = Removed(turn(taken.field), turn(taken.noise), turn(taken.mask))
        return dataclasses.replace(result, removed=removed)
    return result


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
