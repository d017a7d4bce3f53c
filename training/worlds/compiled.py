"""The rasteriser for processors, compiled by numba.

Each object is visited row by row within its own box. Along a row it is one interval, since all
kinds are convex: inside it the cover is 1 but for the edges, which alone are evaluated.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.worlds.objects import CUBOID, CYLINDER, Array

Interval = tuple[float, float]
Point = tuple[float, float, float]

_compile = numba.njit(cache=True, fastmath=True, nogil=True, error_model='numpy')


@_compile
def _within_slab(interval: Interval, start: float, slope: float, limit: float) -> Interval:
    """Keep where |start + slope t| is at most the limit."""
    low, high = interval
    if limit < 0 or (abs(slope) < 1e-9 and abs(start) > limit):
        return 1.0, 0.0
    if abs(slope) < 1e-9:
        return low, high
    first, last = (-limit - start) / slope, (limit - start) / slope
    return max(low, min(first, last)), min(high, max(first, last))


@_compile
def _within_ball(interval: Interval, start: Point, slope: Point, radius: float) -> Interval:
    """Keep where |start + slope t| is at most the radius."""
    a = slope[0] ** 2 + slope[1] ** 2 + slope[2] ** 2
    b = start[0] * slope[0] + start[1] * slope[1] + start[2] * slope[2]
    c = start[0] ** 2 + start[1] ** 2 + start[2] ** 2 - radius**2
    low, high = interval
    if radius < 0 or b * b < a * c or (a < 1e-12 and c > 0):
        return 1.0, 0.0
    if a < 1e-12:
        return low, high
    root = math.sqrt(b * b - a * c)
    return max(low, (-b - root) / a), min(high, (-b + root) / a)


@_compile
def _grown(
    interval: Interval, kind: int, start: Point, slope: Point, sides: Point, by: float
) -> Interval:
    """Keep where the cover is above 0, or 1, for an object grown or shrunk by half an edge."""
    a, b, c = sides
    if kind == CYLINDER:
        flat, rising = (start[0], start[1], 0.0), (slope[0], slope[1], 0.0)
        interval = _within_ball(interval, flat, rising, a + by)
        return _within_slab(interval, start[2], slope[2], c + by)
    for axis in range(3):
        interval = _within_slab(interval, start[axis], slope[axis], sides[axis] + max(by, 0.0))
    if kind == CUBOID:
        for axis in range(3):
            interval = _within_slab(interval, start[axis], slope[axis], sides[axis] + by)
        return interval
    radius = 1 + by / min(a, b, c)
    start = (start[0] / a, start[1] / b, start[2] / c)
    return _within_ball(interval, start, (slope[0] / a, slope[1] / b, slope[2] / c), radius)


@_compile
def _distance(kind: int, place: Point, sides: Point) -> float:
    """Distance to the surface, mm, negative inside; as in ``raster``."""
    x, y, z = place
    a, b, c = sides
    if kind == CYLINDER:
        return max(math.sqrt(x * x + y * y) - a, abs(z) - c)
    bound = max(abs(x) - a, abs(y) - b, abs(z) - c)
    if kind == CUBOID:
        return bound
    x, y, z = x / a, y / b, z / c
    radius = max(math.sqrt(x * x + y * y + z * z), 1e-6)
    gradient = math.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    return max(radius * (radius - 1) / max(gradient, radius / max(a, b, c)), bound)


@_compile
def _box(
    n: int,
    middle: float,
    reach: float,
    size: float,
    periodic: bool,  # noqa: FBT001  compiled functions take no keywords
) -> tuple[int, int]:
    """Give the voxels that an object can touch along an axis, the last one excluded."""
    first = math.ceil((middle - reach) / size)
    last = math.floor((middle + reach) / size) + 1
    if not periodic:
        return max(first, 0), min(last, n)
    if last - first > n:
        first = math.ceil(middle / size - n / 2)
        last = first + n
    return first, last


@_compile
def add_objects(
    volume: Array,
    kind: NDArray[np.int64],
    centre: NDArray[np.float64],
    extents: NDArray[np.float64],
    rotation: NDArray[np.float64],
    value: Array,
    size: NDArray[np.float64],
    periodic: bool,  # noqa: FBT001
) -> None:
    """Add objects to a volume; see ``raster.rasterise``, which hands on the columns of a table.

    Parameters
    ----------
    volume
        Changed in place, shape ``(x, y, z)``.
    kind, centre, extents, rotation, value
        As ``Objects`` has them.
    size
        mm.
    periodic
        Whether objects leave on one side and enter on the other.
    """
    nx, ny, nz = volume.shape
    edge = (size[0] * size[1] * size[2]) ** (1 / 3)
    for m in range(len(kind)):
        r, middle, shape = rotation[m], centre[m], kind[m]
        sides = (extents[m, 0], extents[m, 1], extents[m, 2])
        # a corner of the edge's width reaches further than the edge itself
        reach = np.abs(r.T) @ extents[m] + edge
        x0, x1 = _box(nx, middle[0], reach[0], size[0], periodic)
        y0, y1 = _box(ny, middle[1], reach[1], size[1], periodic)
        z0, z1 = _box(nz, middle[2], reach[2], size[2], periodic)
        slope = (r[0, 2], r[1, 2], r[2, 2])
        whole = (z0 * size[2] - middle[2] - 1e-6, (z1 - 1) * size[2] - middle[2] + 1e-6)
        for i in range(x0, x1):
            dx = i * size[0] - middle[0]
            for j in range(y0, y1):
                dy = j * size[1] - middle[1]
                start = (
                    r[0, 0] * dx + r[0, 1] * dy,
                    r[1, 0] * dx + r[1, 1] * dy,
                    r[2, 0] * dx + r[2, 1] * dy,
                )
                low, high = _grown(whole, shape, start, slope, sides, edge / 2)
                if low > high:
                    continue
                full = _grown((low, high), shape, start, slope, sides, -edge / 2)
                row = volume[i % nx, j % ny]
                first = math.ceil((low + middle[2]) / size[2])
                last = math.floor((high + middle[2]) / size[2])
                for k in range(first, last + 1):
                    dz = k * size[2] - middle[2]
                    cover = 1.0
                    if dz < full[0] or dz > full[1]:
                        place = (
                            start[0] + slope[0] * dz,
                            start[1] + slope[1] * dz,
                            start[2] + slope[2] * dz,
                        )
                        cover = min(max(0.5 - _distance(shape, place, sides) / edge, 0.0), 1.0)
                    row[k % nz] += value[m] * cover
