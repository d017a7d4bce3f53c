"""Lists of simple objects, drawn at random."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

ELLIPSOID, CUBOID, CYLINDER = range(3)

Array = NDArray[np.float32]
Rng = np.random.Generator
Range = tuple[float, float]


@dataclass(frozen=True)
class Objects:
    """Objects in one world, as columns of a table.

    Parameters
    ----------
    kind
        Ellipsoid (spheres too), cuboid or cylinder, shape ``(m,)``.
    centre
        From the first voxel's centre, mm, shape ``(m, 3)``.
    extents
        Half of the length along each of the object's own axes, the cylinder's last, mm, shape
        ``(m, 3)``.
    rotation
        From world to object: own axes as rows, shape ``(m, 3, 3)``.
    value
        What each adds, shape ``(m,)``.
    """

    kind: NDArray[np.int64]
    centre: Array
    extents: Array
    rotation: Array
    value: Array

    def take(self, chosen: NDArray[np.bool_]) -> Self:
        """Keep some of the objects.

        Parameters
        ----------
        chosen
            One per object.
        """
        return type(self)(
            self.kind[chosen],
            self.centre[chosen],
            self.extents[chosen],
            self.rotation[chosen],
            self.value[chosen],
        )


def table_2(rng: Rng, n: int, *, scale: float = 1.0) -> tuple[NDArray[np.int64], Array]:
    """Draw kinds with equal odds, and sizes from the ranges of the thesis's table 2.

    Parameters
    ----------
    rng
        To draw from.
    n
        Number of objects.
    scale
        Factor on all sizes.

    Returns
    -------
        Kinds and half extents, as ``Objects`` has them, in voxels.
    """
    drawn = rng.integers(4, size=n)  # sphere, cuboid, cylinder, ellipsoid
    sphere = np.repeat(rng.uniform(0.1, 15, size=(n, 1)), 3, axis=1)
    cuboid = rng.uniform(0.1, 20, size=(n, 3)) / 2
    radius, length = rng.uniform(1, 20, size=n), rng.uniform(1, 40, size=n)
    cylinder = np.stack([radius, radius, length / 2], axis=1)
    ellipsoid = rng.uniform(0.1, 20, size=(n, 3))
    extents = np.choose(drawn[:, None], [sphere, cuboid, cylinder, ellipsoid])
    kind = np.choose(drawn, [ELLIPSOID, CUBOID, CYLINDER, ELLIPSOID])
    return kind, (scale * extents).astype(np.float32)


def placed(
    rng: Rng,
    kind: NDArray[np.int64],
    extents: NDArray[np.floating],
    *,
    centre: NDArray[np.floating],
    values: Range,
) -> Objects:
    """Turn objects at random and give them values.

    Parameters
    ----------
    rng
        To draw from.
    kind, extents, centre
        As ``Objects`` has them.
    values
        Between these, uniformly.
    """
    value = rng.uniform(*values, size=len(kind)).astype(np.float32)
    rotation = random_rotations(rng, len(kind))
    return Objects(kind, centre.astype(np.float32), extents.astype(np.float32), rotation, value)


def random_rotations(rng: Rng, n: int) -> Array:
    """Draw uniformly from all rotations, by unit quaternions.

    Parameters
    ----------
    rng
        To draw from.
    n
        How many.

    Returns
    -------
        Shape ``(n, 3, 3)``.
    """
    quaternions = rng.normal(size=(n, 4))
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0).astype(np.float32)
