"""Poisson's equation in a mask, with the value zero around it: multigrid conjugate gradients.

O. Tatebe, The multigrid preconditioned conjugate gradient method, NASA CP-3224:621-634, 1993.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.solution import Solution
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

DAMPING = 0.8
SWEEPS = 2
COARSEST_SWEEPS = 16
LEAST_SIDE = 6
"""Voxels on an axis below which it is not made coarser."""
NEARLY_EQUAL = 1.45
"""Axes whose voxels are at most so much longer than the shortest edge are made coarser."""


@dataclass(frozen=True)
class Level:
    """One grid of the hierarchy.

    Parameters
    ----------
    unknown
        1 where the value is sought, 0 where it is zero.
    voxel_size
        mm.
    axes
        Along which the next level has half as many voxels; none on the last.
    """

    unknown: Tensor
    voxel_size: Vector
    axes: tuple[int, ...]


def negative_laplacian(values: Tensor, voxel_size: Vector) -> Tensor:
    """Apply minus the seven-point Laplacian, with zeros around the volume.

    Parameters
    ----------
    values
        Any unit.
    voxel_size
        mm.

    Returns
    -------
        Unit of ``values`` per mm^2.
    """
    result = values * _diagonal(voxel_size)
    for axis, size in enumerate(voxel_size):
        n, weight = values.shape[axis], 1 / size**2
        result.narrow(axis, 0, n - 1).sub_(values.narrow(axis, 1, n - 1), alpha=weight)
        result.narrow(axis, 1, n - 1).sub_(values.narrow(axis, 0, n - 1), alpha=weight)
    return result


def solve_poisson(
    source: Volume, unknown: Mask, voxel_size: Vector, *, max_iterations: int, tolerance: float
) -> Solution:
    """Find the values in a mask whose negative Laplacian is the source; zero outside.

    Parameters
    ----------
    source
        Unit of the solution per mm^2; what lies outside the mask does not count.
    unknown
        Where the solution is sought.
    voxel_size
        mm.
    max_iterations
        Of the conjugate gradients, each with one multigrid cycle.
    tolerance
        Residual, relative to the source, at which they end.
    """
    levels = _hierarchy(unknown.to(source.dtype), voxel_size)
    fine = levels[0].unknown

    def operator(values: Tensor) -> Tensor:
        return negative_laplacian(values, voxel_size).mul_(fine)

    return conjugate_gradients(
        operator,
        source * fine,
        preconditioner=partial(_cycle, levels),
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def _cycle(levels: list[Level], residual: Tensor) -> Tensor:
    """Approximate the inverse by one V-cycle, symmetric because both halves smooth alike."""
    level = levels[0]
    values = residual * (DAMPING / _diagonal(level.voxel_size))
    if not level.axes:
        return _smooth(level, values, residual, COARSEST_SWEEPS)
    values = _smooth(level, values, residual, SWEEPS - 1)
    rest = residual - negative_laplacian(values, level.voxel_size)
    coarse = _restrict(rest.mul_(level.unknown), level.axes) * levels[1].unknown
    values += _prolong(_cycle(levels[1:], coarse), level.axes, values.shape).mul_(level.unknown)
    return _smooth(level, values, residual, SWEEPS)


def _smooth(level: Level, values: Tensor, target: Tensor, n_sweeps: int) -> Tensor:
    step = DAMPING / _diagonal(level.voxel_size)
    for _ in range(n_sweeps):
        rest = negative_laplacian(values, level.voxel_size).neg_().add_(target)
        values = values.addcmul(rest, level.unknown, value=step)
    return values


def _hierarchy(unknown: Tensor, voxel_size: Vector) -> list[Level]:
    """Halve the axes with the shortest voxels until all are short."""
    levels = []
    while True:
        long = [axis for axis in range(3) if unknown.shape[axis] >= LEAST_SIDE]
        shortest = min((voxel_size[axis] for axis in long), default=0.0)
        axes = tuple(axis for axis in long if voxel_size[axis] <= NEARLY_EQUAL * shortest)
        levels.append(Level(unknown, voxel_size, axes))
        if not axes:
            return levels
        x, y, z = (size * (2 if axis in axes else 1) for axis, size in enumerate(voxel_size))
        voxel_size = (x, y, z)
        share = unknown
        for axis in axes:
            even, odd = _halves(share, axis)
            share = (even + odd) / 2
        unknown = (share >= 0.5).to(unknown.dtype)


def _restrict(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Average with weights 1, 3, 3, 1 along each axis: half the adjoint of ``_prolong``."""
    for axis in axes:
        even, odd = _halves(values, axis)
        n = even.shape[axis]
        values = (even + odd) * 0.375
        values.narrow(axis, 0, n - 1).add_(even.narrow(axis, 1, n - 1), alpha=0.125)
        values.narrow(axis, 1, n - 1).add_(odd.narrow(axis, 0, n - 1), alpha=0.125)
    return values


def _prolong(values: Tensor, axes: tuple[int, ...], shape: torch.Size) -> Tensor:
    """Interpolate linearly between the centres of voxels, with zeros around the volume."""
    for axis in axes:
        n = values.shape[axis]
        pair = (values * 0.75).unsqueeze(axis + 1).repeat_interleave(2, axis + 1)
        even, odd = pair.unbind(axis + 1)
        even.narrow(axis, 1, n - 1).add_(values.narrow(axis, 0, n - 1), alpha=0.25)
        odd.narrow(axis, 0, n - 1).add_(values.narrow(axis, 1, n - 1), alpha=0.25)
        values = pair.flatten(axis, axis + 1).narrow(axis, 0, shape[axis])
    return values


def _halves(values: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Split into the voxels of even and of odd number, with a zero appended if one is left."""
    if values.shape[axis] % 2:
        end = torch.zeros_like(values.narrow(axis, 0, 1))
        values = torch.cat([values, end], dim=axis)
    shape = list(values.shape)
    even, odd = values.reshape(*shape[:axis], -1, 2, *shape[axis + 1 :]).unbind(axis + 1)
    return even, odd


def _diagonal(voxel_size: Vector) -> float:
    return sum(2 / size**2 for size in voxel_size)
