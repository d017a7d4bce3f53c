"""How sure a reconstruction is of each voxel, for any method of inversion.

Three things are put together, none of which needs a ground truth. *Noise*: the method is applied
to copies of the field, with noise of the size that the field's fit reports, added to one copy of
each pair and subtracted from the other. *Asymmetry*: a volume that is mirrored or whose axes are
swapped, with B0 turned likewise, is the same problem and has the same solution, mirrored; so each
copy is another one of these. *Model error*: the mean of all these maps is taken for the truth, its
field is computed and inverted again. What is lost or streaks then is what the method loses of such
a brain, as a bootstrap finds bias (B. Efron, Ann. Stat. 7:1-26, 1979, doi:10.1214/aos/1176344552).
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField, Mask, TotalField, Volume
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
MARGIN = 40.0
"""mm; around the box of the mask, for the field of the mean."""
WIDTH = 3
"""Voxels of the cube over which variances are averaged: some members alone say little of one."""


@dataclass(frozen=True)
class Ensemble:
    """What the members of an ensemble agree upon, and how far they are to be trusted.

    Parameters
    ----------
    mean
        ppm, zero outside the mask and, as each member, on average in it.
    deviation
        Standard deviation, ppm, zero outside the mask.
    """

    mean: Volume
    deviation: Volume


def ensemble(
    local: LocalField,
    *,
    method: Callable[[LocalField], Volume],
    n_members: int = 8,
    seed: int = 0,
    noise: bool = True,
    model_error: bool = True,
    factor: float = 1.0,
) -> Ensemble:
    """Estimate the standard deviation of a susceptibility map.

    With the maps x_n of the members and their mean m, each without its mean over the mask, and
    x' the map of the field of m,

        deviation^2 = factor^2 G (sum((x_n - m)^2) / N + (x' - m)^2)

    where G averages over the voxels of the mask in a cube of 3 voxels. (N and not N - 1, as noise
    comes in pairs of opposite sign, whose mean is known.) The error that background
    removal leaves in the field is not in it, nor what makes the real field unlike the model's:
    flow, anisotropy, motion.

    Parameters
    ----------
    local
        Field to invert.
    method
        Makes a map of the field's shape of it, for any voxel size and direction of B0.
    n_members
        Maps that are made of copies of the field, 2 to 48; beyond 8 the axes are swapped, too.
    seed
        Of the noise.
    noise
        Whether noise is added to the copies, in pairs of opposite sign.
    model_error
        Whether the model error counts; it takes one map more.
    factor
        What the result is multiplied by, from a calibration.

    Returns
    -------
        On the field's own axes.
    """
    if not 2 <= n_members <= len(SYMMETRIES):
        raise ValueError(f'n_members must be in [2, {len(SYMMETRIES)}], got {n_members}')
    if factor <= 0:
        raise ValueError(f'factor must be positive, got {factor}')
    box = bounding_box(local.mask)
    whole, local = local.mask.shape, _cropped(local, box)
    mask, level = local.mask, local.field.new_zeros(())
    mean, variance = torch.zeros_like(local.field), torch.zeros_like(local.field)
    copies = _noisy_copies(local, n_members, seed=seed, is_noisy=noise)
    for number, (symmetry, copy) in enumerate(zip(SYMMETRIES, copies, strict=False)):
        member = turned_back(method(turned(copy, symmetry)), symmetry)
        offset = member[mask].mean()
        # Welford's update: one pass, two volumes
        before = (member - offset).mul_(mask).sub_(mean)
        mean += before / (number + 1)
        variance += before.square_().mul_(number / (number + 1) / n_members)
        level += offset / n_members
    if model_error:
        # with its constant, as the field that was measured had it
        again = method(dataclasses.replace(local, field=_field_of((mean + level) * mask, local)))
        variance += (again - again[mask].mean() - mean).square_()
    deviation = _smoothed(variance, mask).sqrt_().mul_(factor)
    return Ensemble(put_back(mean, box, whole), put_back(deviation, box, whole))


METHODS: dict[str, Callable[..., Ensemble]] = {'uncertainty': ensemble}


def combine_passes(first: Volume, second: Volume, *, first_mask: Mask) -> Volume:
    """Put the uncertainties of two passes together as ``two_pass.combine`` does the maps.

    Parameters
    ----------
    first, second
        Standard deviations, ppm, zero outside the mask of their pass.
    first_mask
        Where the first pass knows its map.
    """
    return torch.where(first_mask, first, second)


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


def _cropped(local: LocalField, box: Box) -> LocalField:
    def crop(volume: Tensor | None) -> Tensor | None:
        return None if volume is None else volume[box]

    return dataclasses.replace(
        local,
        field=local.field[box],
        noise=local.noise[box],
        mask=local.mask[box],
        magnitude=crop(local.magnitude),
        r2star=crop(local.r2star),
    )


def _noisy_copies(
    local: LocalField, n_copies: int, *, seed: int, is_noisy: bool
) -> Iterator[LocalField]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.zeros_like(local.field)
    for number in range(n_copies):
        if is_noisy and number % 2 == 0:
            # drawn where every machine draws the same
            random = torch.randn(local.field.shape, generator=generator)
            drawn = random.to(drawn) * torch.where(local.mask, local.noise, 0)
        shifted = local.field + (drawn if number % 2 == 0 else -drawn)
        yield dataclasses.replace(local, field=shifted)


def _field_of(chi: Volume, local: LocalField) -> Volume:
    field = forward_field(chi, voxel_size=local.voxel_size, b0_dir=local.b0_dir, margin_mm=MARGIN)
    return field * local.mask


def _smoothed(variance: Volume, mask: Mask) -> Volume:
    """Average over the voxels of the mask in a small cube; zero outside the mask."""
    inside = mask.to(variance)

    def total(volume: Volume) -> Volume:
        return avg_pool3d(volume[None], WIDTH, stride=1, padding=WIDTH // 2)[0]

    return torch.where(mask, total(variance * inside) / total(inside).clamp_(min=1e-6), 0)


def _swapped(vector: Vector, order: tuple[int, int, int]) -> Vector:
    return vector[order[0]], vector[order[1]], vector[order[2]]
