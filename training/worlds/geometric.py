"""Geometric phantoms for dipole inversion, from C. Gessner's thesis (HAW Hamburg, 2019), 3.4.

They are those of S. Bollmann et al., NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.networks.inference import CUT_MARGIN_MM
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.physics.dipole import dipole_kernel, padded_shape
from training.worlds.batch import Batch
from training.worlds.field import ALONG_Z, CUBES, closed_field
from training.worlds.objects import CYLINDER, Objects, Rng, placed, table_2
from training.worlds.raster import rasterise

CHI_PPM = (-0.5, 0.5)
CHI_SD_PPM = 0.2
"""Standard deviation over the non-zero voxels to which every map is scaled."""
VEIN_PPM = (0.1, 0.3)
VEIN_RADIUS = (0.5, 2.0)
VEIN_LENGTH = (10.0, 40.0)
"""The text has 'small cylinders' without their sizes; in voxels."""
PATCH_PPM = (0.03, 0.3)
PATCH_RADIUS = (0.03, 0.1)
"""Of a ball of field without a source; relative to the world's side."""


@dataclass(frozen=True)
class Geometric:
    """Overlapping spheres, cuboids, cylinders and ellipsoids of random size, place and value.

    B0 is along z, voxels are cubes, the world ends where the volume does, and all of it is known
    without noise.

    Parameters
    ----------
    size
        Voxels per side; the thesis has 48 and 128.
    n_objects
        Objects per world; the thesis has 100 and 500.
    object_scale
        Factor on the sizes of table 2. The thesis has 'larger' objects at 128, without a figure;
        1.56 gives as many objects per voxel as at 48.
    n_cylinders
        Thin cylinders of 0.1 to 0.3 ppm besides, the thesis's dataset with cylinders; it does not
        say how many.
    with_kernel
        Whether they come with their dipole kernel, that of a grid as large as in use, and their
        voxel's sides.
    patched
        Share of worlds with a ball of field that no susceptibility causes, as from flow.
    """

    size: int = 48
    n_objects: int = 100
    object_scale: float = 1.0
    n_cylinders: int = 0
    with_kernel: bool = False
    patched: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.patched <= 1:
            raise ValueError(f'patched must be within 0 and 1, got {self.patched}')

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step; see ``Source``."""
        rngs = [np.random.default_rng([seed, step * size + position]) for position in range(size)]
        chi = geometric_chi(
            rngs,
            self.size,
            n_objects=self.n_objects,
            object_scale=self.object_scale,
            n_cylinders=self.n_cylinders,
            device=device,
        )
        field = closed_field(chi)[:, None]
        for index, rng in enumerate(rngs):
            if self.patched and rng.random() < self.patched:
                field[index, 0] += _patch(rng, self.size).to(device)
        sample = Sample(field, torch.ones_like(field), torch.zeros_like(field))
        if self.with_kernel:
            kernel, sides = _known(self.size, field.device)
            sample = dataclasses.replace(
                sample,
                kernel=kernel.expand(size, -1, -1, -1),
                voxel_size=sides.expand(size, -1),
            )
        return Batch(sample, chi[:, None])


def geometric_chi(
    rngs: list[Rng],
    n: int,
    *,
    n_objects: int,
    object_scale: float,
    n_cylinders: int,
    device: torch.device,
) -> Tensor:
    """Make the thesis's susceptibility maps.

    Parameters
    ----------
    rngs
        One per world.
    n
        Voxels per side.
    n_objects, object_scale, n_cylinders
        As in ``Geometric``.
    device
        Of the maps.

    Returns
    -------
        ppm, shape ``(world, n, n, n)``.
    """
    objects = [geometric_objects(rng, n, n_objects, object_scale) for rng in rngs]
    chi = rasterise(objects, (n, n, n), device=device)
    if n_cylinders:
        veins = [vein_objects(rng, n, n_cylinders) for rng in rngs]
        chi += rasterise(veins, (n, n, n), device=device)
    return chi * (CHI_SD_PPM / spread_of_objects(chi))


def geometric_objects(rng: Rng, n: int, n_objects: int, object_scale: float) -> Objects:
    """Draw objects of table 2, anywhere in the volume.

    Parameters
    ----------
    rng
        To draw from.
    n
        Voxels per side.
    n_objects, object_scale
        As in ``Geometric``.
    """
    kind, extents = table_2(rng, n_objects, scale=object_scale)
    return placed(rng, kind, extents, centre=_anywhere(rng, n, n_objects), values=CHI_PPM)


def vein_objects(rng: Rng, n: int, n_cylinders: int) -> Objects:
    """Draw thin cylinders, anywhere in the volume.

    Parameters
    ----------
    rng
        To draw from.
    n
        Voxels per side.
    n_cylinders
        How many.
    """
    radius = rng.uniform(*VEIN_RADIUS, size=n_cylinders)
    extents = np.stack([radius, radius, rng.uniform(*VEIN_LENGTH, size=n_cylinders) / 2], axis=1)
    kind = np.full(n_cylinders, CYLINDER)
    centre = _anywhere(rng, n, n_cylinders)
    return placed(rng, kind, extents.astype(np.float32), centre=centre, values=VEIN_PPM)


def spread_of_objects(chi: Tensor) -> Tensor:
    """Give the standard deviation over the non-zero voxels of each world.

    Parameters
    ----------
    chi
        Shape ``(world, x, y, z)``.

    Returns
    -------
        Shape ``(world, 1, 1, 1)``.
    """
    dims = (1, 2, 3)
    inside = chi != 0
    count = inside.sum(dims, keepdim=True).clamp(min=1)
    mean = chi.sum(dims, keepdim=True) / count
    spread = (torch.where(inside, chi - mean, 0).square().sum(dims, keepdim=True) / count).sqrt()
    return torch.where(spread > 0, spread, 1)


def _patch(rng: Rng, n: int) -> Tensor:
    """Draw a ball of either sign, shape ``(n, n, n)``."""
    radius = n * rng.uniform(*PATCH_RADIUS)
    strength = rng.choice([-1, 1]) * np.exp(rng.uniform(*np.log(PATCH_PPM)))
    x, y, z = (torch.arange(n) - float(middle) for middle in rng.uniform(0, n - 1, size=3))
    distance = (x[:, None, None] ** 2 + y[:, None] ** 2 + z**2).sqrt()
    return float(strength) * (radius + 0.5 - distance).clamp(0, 1)


@lru_cache(maxsize=2)
def _known(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Give the kernel of one world of n voxels a side in a larger grid, and the voxel's sides."""
    shape = padded_shape((n, n, n), CUBES, CUT_MARGIN_MM)
    return dipole_kernel(shape, CUBES, ALONG_Z, device=device), torch.ones(3, device=device)


def _anywhere(rng: Rng, n: int, n_objects: int) -> np.ndarray:
    return rng.uniform(0, n - 1, size=(n_objects, 3)).astype(np.float32)
