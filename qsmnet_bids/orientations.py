"""Several orientations of one head, brought onto the grid of the first.

How well the directions complement each other: T. Liu et al., Magn. Reson. Med. 61:196-204, 2009,
doi:10.1002/mrm.21828.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from qsmnet_bids.inversion.cosmos import LEAST_ANGLE, cosmos
from qsmnet_bids.registration import bring_back, register, turn_back
from qsmnet_bids.tensors import ChiMap, LocalField, Volume
from qsmnet_bids.vectors import Vector

METHODS: dict[str, Callable[..., ChiMap]] = {'cosmos': cosmos}
KNOWN = 0.999
"""Least part of an interpolated voxel that has to come from voxels where the field is known."""
N_DIRECTIONS = 20_000
"""Of k, on which the condition is sought."""


@dataclass(frozen=True)
class Aligned:
    """Orientations on one grid.

    Parameters
    ----------
    fields
        On the grid of the first, each with the direction that B0 had in the head.
    rotations
        From the first head to each: a point p of the first, mm from the volume's centre along its
        axes, lies at rotation p + shift.
    shifts
        mm.
    """

    fields: tuple[LocalField, ...]
    rotations: Float[Tensor, 'orientation 3 3']
    shifts: Float[Tensor, 'orientation 3']


def align(fields: Sequence[LocalField]) -> Aligned:
    """Register the magnitudes, and resample the fields on the first's grid.

    Parameters
    ----------
    fields
        On grids of one shape and voxel size, each with its magnitude.
    """
    first = fields[0]
    still = _magnitude(first)
    aligned = [first]
    rotations, shifts = [torch.eye(3, dtype=torch.float64)], [torch.zeros(3, dtype=torch.float64)]
    for other in fields[1:]:
        motion = register(_magnitude(other), still, voxel_size=first.voxel_size)
        size = other.voxel_size
        mask = bring_back(other.mask.to(other.field.dtype), motion, voxel_size=size) > KNOWN
        field, noise = (
            bring_back(volume, motion, voxel_size=size) * mask
            for volume in (other.field, other.noise)
        )
        b0_dir = turn_back(other.b0_dir, motion)
        aligned.append(
            replace(
                other,
                field=field,
                noise=noise,
                mask=mask,
                b0_dir=b0_dir,
                magnitude=None,
                r2star=None,
            )
        )
        rotations.append(motion.rotation)
        shifts.append(motion.shift)
    return Aligned(tuple(aligned), torch.stack(rotations), torch.stack(shifts))


def least_angle(b0_dirs: Sequence[Vector]) -> float:
    """Give the smallest angle between two directions of B0, whichever way they point.

    Parameters
    ----------
    b0_dirs
        In the head, at least two.

    Returns
    -------
        Degrees, from 0 to 90.

    >>> least_angle([(0.0, 0.0, 1.0), (0.0, 0.0, -2.0)])
    0.0
    """
    pairs = combinations(b0_dirs, 2)
    cosines = (abs(_dot(a, b)) / math.sqrt(_dot(a, a) * _dot(b, b)) for a, b in pairs)
    return math.degrees(math.acos(min(1.0, max(cosines))))


def check_angles(b0_dirs: Sequence[Vector], *, names: Sequence[str]) -> None:
    """Refuse orientations that no other one is turned against the first of.

    Parameters
    ----------
    b0_dirs
        In the head, as registered.
    names
        Of the orientations, for the error.
    """
    angles = [least_angle((b0_dirs[0], b0_dir)) for b0_dir in b0_dirs[1:]]
    if max(angles) < LEAST_ANGLE:
        found = ', '.join(
            f'{name} by {angle:.1f}' for name, angle in zip(names[1:], angles, strict=True)
        )
        raise ValueError(
            f'orientations must be turned against {names[0]} by at least {LEAST_ANGLE:g} degrees '
            f'for one of them, but after registration it is {found}; select runs in which the '
            'head is tilted further by --bids-filter-file, or take another --inversion'
        )


def condition_number(b0_dirs: Sequence[Vector]) -> float:
    """Give the ratio of the best to the worst determined frequency of the susceptibility.

    With the dipole kernel D_i of each direction, the root of the greatest sum of D_i^2 over all k
    divided by that of the least; with three directions far apart about 2, with one infinite.

    Parameters
    ----------
    b0_dirs
        In the head.
    """
    # even steps along z and the golden angle around it: a spiral that covers the sphere evenly
    number = torch.arange(N_DIRECTIONS, dtype=torch.float64)
    z = 1 - (2 * number + 1) / N_DIRECTIONS
    turn = number * math.pi * (3 - math.sqrt(5))
    around = (1 - z**2).sqrt()
    k = torch.stack((around * turn.cos(), around * turn.sin(), z))
    b0 = torch.tensor(b0_dirs, dtype=torch.float64)
    squares = (1 / 3 - (b0 / b0.norm(dim=1, keepdim=True) @ k).square()).square().sum(0)
    return float((squares.max() / squares.min()).sqrt())


def _magnitude(local: LocalField) -> Volume:
    """Take all of the head: in the mask it ends too much like a ball to tell how it is turned."""
    if local.magnitude is None:
        raise ValueError('orientations must have a magnitude, by which they are registered')
    return local.magnitude


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
