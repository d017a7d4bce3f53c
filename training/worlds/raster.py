"""Add objects to volumes: compiled over each one's own box on a processor, dense on a GPU."""

import importlib.util
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.vectors import Vector
from training.worlds.objects import CUBOID, CYLINDER, ELLIPSOID, Objects

HAS_COMPILER = importlib.util.find_spec('numba') is not None
"""Without it a processor takes the same dense way as a GPU, many times more slowly."""
CHUNK_VOXELS = {'cpu': 2**21, 'cuda': 2**26}
"""Voxels times objects that are evaluated at once."""


def rasterise(
    worlds: Sequence[Objects],
    shape: tuple[int, int, int],
    *,
    device: torch.device,
    voxel_sizes: Sequence[Vector] | None = None,
    periodic: bool = False,
) -> Tensor:
    """Sum up all objects, with edges one voxel wide as linear interpolation gives them.

    Parameters
    ----------
    worlds
        Objects of each world.
    shape
        Voxels in x, y, z.
    device
        Of the result.
    voxel_sizes
        Of each world, mm; 1 mm if None.
    periodic
        Whether what leaves a world on one side enters it on the other; objects are then cut where
        they are larger than the world.

    Returns
    -------
        Sum of value times the fraction of the voxel that is covered, float32, shape
        ``(world, x, y, z)``.
    """
    sizes = voxel_sizes or [(1.0, 1.0, 1.0)] * len(worlds)
    if device.type == 'cpu' and HAS_COMPILER:
        volumes = np.zeros((len(worlds), *shape), np.float32)
        for volume, objects, size in zip(volumes, worlds, sizes, strict=True):
            _compiled(volume, objects, size, periodic=periodic)
        return torch.from_numpy(volumes)
    return dense(worlds, shape, sizes, device=device, periodic=periodic)


def dense(
    worlds: Sequence[Objects],
    shape: tuple[int, int, int],
    sizes: Sequence[Vector],
    *,
    device: torch.device,
    periodic: bool,
) -> Tensor:
    """Evaluate each object in every voxel, many objects at once; see ``rasterise``."""
    total = torch.zeros((len(worlds), *shape), device=device)
    voxels = shape[0] * shape[1] * shape[2]
    chunk = max(1, CHUNK_VOXELS.get(device.type, 2**24) // voxels)
    for kind in (ELLIPSOID, CUBOID, CYLINDER):
        chosen = [objects.take(objects.kind == kind) for objects in worlds]
        columns = [
            np.concatenate([getattr(objects, name) for objects in chosen])
            for name in ('centre', 'extents', 'rotation')
        ]
        # one row per world: a product with it sums each world's own objects, in a fixed order
        shares = np.zeros((len(worlds), len(columns[0])), np.float32)
        steps = np.zeros((len(columns[0]), 3), np.float32)
        start = 0
        for world, objects in enumerate(chosen):
            stop = start + len(objects.value)
            shares[world, start:stop] = objects.value
            steps[start:stop] = sizes[world]
            start = stop
        tables = [torch.from_numpy(table).to(device) for table in (*columns, steps, shares.T)]
        for first in range(0, start, chunk):
            centre, extents, rotation, step, share = (t[first : first + chunk] for t in tables)
            axes = _offsets(shape, centre, step, periodic=periodic)
            edge = step.prod(1).pow(1 / 3)[:, None, None, None]
            cover = (0.5 - _distance(kind, axes, extents, rotation) / edge).clamp_(0, 1)
            total += (share.T @ cover.flatten(1)).view_as(total)
    return total


def _offsets(
    shape: tuple[int, int, int], centre: Tensor, step: Tensor, *, periodic: bool
) -> list[Tensor]:
    """Give the distance from each object's centre along each axis, mm, shape ``(m, n)``."""
    axes = []
    for axis, n in enumerate(shape):
        size = step[:, axis, None]
        offset = torch.arange(n, device=centre.device) * size - centre[:, axis, None]
        if periodic:
            length = n * size
            offset = offset - length * torch.round(offset / length)
        axes.append(offset)
    return axes


def _distance(kind: int, axes: list[Tensor], extents: Tensor, rotation: Tensor) -> Tensor:
    """Distance to the surface, mm, negative inside; to first order for the ellipsoid."""
    dx, dy, dz = axes[0][:, :, None, None], axes[1][:, None, :, None], axes[2][:, None, None, :]
    row = rotation[..., None, None, None]
    x, y, z = (row[:, i, 0] * dx + row[:, i, 1] * dy + row[:, i, 2] * dz for i in range(3))
    a, b, c = (extents[:, i, None, None, None] for i in range(3))
    if kind == CUBOID:
        return torch.maximum(torch.maximum(x.abs() - a, y.abs() - b), z.abs() - c)
    if kind == CYLINDER:
        return torch.maximum((x * x + y * y).sqrt() - a, z.abs() - c)
    # beyond its rim the first order has a thin disc reach too far: its own box bounds it
    bound = torch.maximum(torch.maximum(x.abs() - a, y.abs() - b), z.abs() - c)
    x, y, z = x / a, y / b, z / c
    radius = (x * x + y * y + z * z).sqrt_().clamp_(min=1e-6)
    gradient = ((x / a).square() + (y / b).square() + (z / c).square()).sqrt_()
    longest = extents.amax(1)[:, None, None, None]
    return (radius * (radius - 1) / torch.maximum(gradient, radius / longest)).maximum(bound)


def _compiled(volume: np.ndarray, objects: Objects, size: Vector, *, periodic: bool) -> None:
    from training.worlds.compiled import add_objects  # noqa: PLC0415  numba is an extra

    add_objects(
        volume,
        objects.kind,
        objects.centre.astype(np.float64),
        objects.extents.astype(np.float64),
        objects.rotation.astype(np.float64),
        objects.value,
        np.asarray(size, np.float64),
        periodic,
    )
