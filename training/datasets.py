"""Synthetic worlds with known susceptibility, made on the fly from (seed, index).

Geometric phantoms as in S. Bollmann et al., NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060, with the sizes of C. Gessner's thesis (HAW Hamburg, 2019),
table 2.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qsmnet_bids.physics.dipole import forward_field

Array = NDArray[np.float32]

CHI_SD_PPM = 0.2
"""Standard deviation over the non-zero voxels to which every map is scaled."""


@dataclass(frozen=True)
class GeometricWorlds:
    """Overlapping spheres, cuboids, cylinders and ellipsoids of random size, place and value.

    Parameters
    ----------
    size
        Voxels per side.
    n_objects
        Objects per world.
    chi_range
        Each object's value is drawn from plus or minus this, ppm; where objects overlap they add.
    """

    size: int = 48
    n_objects: int = 100
    chi_range: float = 0.5

    def sample(self, seed: int, index: int) -> tuple[Tensor, Tensor]:
        """Make one world.

        Parameters
        ----------
        seed, index
            The same pair gives the same world.

        Returns
        -------
            Field and susceptibility, ppm, each of shape ``(size, size, size)``. B0 is along z,
            voxels are cubes, and the world ends where the volume does.
        """
        rng = np.random.default_rng([seed, index])
        chi = np.zeros((self.size,) * 3, dtype=np.float32)
        for _ in range(self.n_objects):
            _add_object(chi, rng, rng.uniform(-self.chi_range, self.chi_range))
        chi *= CHI_SD_PPM / chi[chi != 0].std()
        tensor = torch.from_numpy(chi)
        return forward_field(tensor, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0)), tensor


def batch(worlds: GeometricWorlds, *, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
    """Make the samples of one training step.

    Parameters
    ----------
    worlds
        What to draw from.
    seed, step
        The same pair gives the same batch.
    size
        Samples in the batch.

    Returns
    -------
        Fields and susceptibilities, ppm, each of shape ``(size, 1, x, y, z)``.
    """
    pairs = [worlds.sample(seed, step * size + position) for position in range(size)]
    fields, chis = zip(*pairs, strict=True)
    return torch.stack(fields)[:, None], torch.stack(chis)[:, None]


def _add_object(chi: Array, rng: np.random.Generator, value: float) -> None:
    """Add one object with edges one voxel wide, as linear interpolation of a binary one has."""
    half_extents, kind = _draw_shape(rng)
    rotation = _random_rotation(rng)
    centre = rng.uniform(0, chi.shape[0] - 1, size=3)
    reach = np.abs(rotation) @ half_extents + 1 if kind == 'cuboid' else half_extents.max() + 1
    if kind == 'cylinder':
        reach = np.linalg.norm(half_extents[1:]) + 1
    low = np.clip(np.floor(centre - reach), 0, None).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, None, chi.shape[0]).astype(int)
    axes = [
        np.arange(start, stop, dtype=np.float32) - middle
        for start, stop, middle in zip(low, high, centre, strict=True)
    ]
    # coordinates in the object's own frame, one broadcast sum per axis
    x, y, z = (
        row[0] * axes[0][:, None, None] + row[1] * axes[1][:, None] + row[2] * axes[2]
        for row in rotation.T
    )
    distance = _signed_distance(kind, x, y, z, half_extents)
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    chi[box] += np.float32(value) * np.clip(0.5 - distance, 0, 1)


def _draw_shape(rng: np.random.Generator) -> tuple[Array, str]:
    kind = ('sphere', 'cuboid', 'cylinder', 'ellipsoid')[rng.integers(4)]
    if kind == 'sphere':
        extents = np.full(3, rng.uniform(0.1, 15))
    elif kind == 'cuboid':
        extents = rng.uniform(0.1, 20, size=3) / 2
    elif kind == 'cylinder':
        radius = rng.uniform(1, 20)
        extents = np.array([radius, radius, rng.uniform(1, 40) / 2])
    else:
        extents = rng.uniform(0.1, 20, size=3)
    return extents.astype(np.float32), kind


def _signed_distance(kind: str, x: Array, y: Array, z: Array, half_extents: Array) -> Array:
    """Distance in voxels to the surface, negative inside; to first order for the ellipsoid."""
    a, b, c = half_extents
    if kind == 'sphere':
        return np.sqrt(x * x + y * y + z * z) - a
    if kind == 'cuboid':
        return np.maximum(np.maximum(np.abs(x) - a, np.abs(y) - b), np.abs(z) - c)
    if kind == 'cylinder':
        return np.maximum(np.sqrt(x * x + y * y) - a, np.abs(z) - c)
    x, y, z = x / a, y / b, z / c
    radius = np.sqrt(x * x + y * y + z * z)
    gradient = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    return radius * (radius - 1) / np.maximum(gradient, 1e-6)


def _random_rotation(rng: np.random.Generator) -> Array:
    """Draw uniformly from all rotations, by a unit quaternion."""
    w, x, y, z = (quaternion := rng.normal(size=4)) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        dtype=np.float32,
    )
