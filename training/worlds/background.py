"""Datasets for background removal, from C. Gessner's thesis (HAW Hamburg, 2019), 3.5."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.networks.sample import Sample
from training.worlds.batch import Batch, Task
from training.worlds.field import closed_field
from training.worlds.geometric import geometric_chi
from training.worlds.objects import ELLIPSOID, Objects, Range, Rng, placed, table_2
from training.worlds.raster import rasterise

Origin = Literal['offset', 'external', 'stronger']

OFFSET_PPM = -9.0


@dataclass(frozen=True)
class Outside:
    """Sources outside the region of interest, and the region itself.

    Parameters
    ----------
    values
        ppm.
    radii
        Of spheres, voxels at 128 per side.
    n_sources
        The text does not say how many.
    region
        How far from the middle the region's objects may lie, as a fraction of the side.
    """

    values: Range
    radii: Range
    n_sources: int
    region: float


ORIGINS: dict[Origin, Outside] = {
    'offset': Outside((0.0, 0.0), (0.0, 0.0), 0, 0.25),
    'external': Outside((4.0, 6.0), (5.0, 10.0), 15, 0.25),
    'stronger': Outside((3.0, 15.0), (15.0, 20.0), 8, 0.15),
}
N_MASK_OBJECTS = 100


@dataclass(frozen=True)
class ThesisBackground:
    """Geometric phantoms in random masks, with a field from outside.

    Parameters
    ----------
    origin
        Of the background: -9 ppm in the whole region; sources of 4 to 6 ppm, radius 5 to 10; or of
        3 to 15 ppm, radius 15 to 20, around a smaller region.
    task
        What is asked for.
    size
        Voxels per side.
    n_objects, object_scale, n_cylinders
        As in ``Geometric``; the cylinders not with the offset.
    """

    origin: Origin = 'external'
    task: Task = 'background'
    size: int = 128
    n_objects: int = 500
    object_scale: float = 1.56
    n_cylinders: int = 100

    def __post_init__(self) -> None:
        if self.origin not in ORIGINS:
            raise ValueError(f'origin must be one of {sorted(ORIGINS)}, got {self.origin!r}')

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step; see ``Source``."""
        rngs = [np.random.default_rng([seed, step * size + position]) for position in range(size)]
        outside = ORIGINS[self.origin]
        mask = random_masks(rngs, self.size, outside.region, device=device)
        chi = mask * geometric_chi(
            rngs,
            self.size,
            n_objects=self.n_objects,
            object_scale=self.object_scale,
            n_cylinders=self.n_cylinders if self.origin != 'offset' else 0,
            device=device,
        )
        local = mask * closed_field(chi)
        field = local if self.task == 'dipole' else local + self._background(rngs, outside, mask)
        label = local if self.task == 'background' else chi
        sample = Sample(field[:, None], mask[:, None], torch.zeros_like(mask)[:, None])
        return Batch(sample, label[:, None])

    def _background(self, rngs: list[Rng], outside: Outside, mask: Tensor) -> Tensor:
        if self.origin == 'offset':
            return mask * closed_field(OFFSET_PPM * mask)
        n = self.size
        sources = [_spheres(rng, n, outside) for rng in rngs]
        chi = rasterise(sources, (n, n, n), device=mask.device)
        return mask * closed_field(chi * (1 - mask))


def random_masks(rngs: list[Rng], n: int, region: float, *, device: torch.device) -> Tensor:
    """Cover the middle with objects of table 2.

    Parameters
    ----------
    rngs
        One per world.
    n
        Voxels per side.
    region
        How far from the middle the objects may lie, as a fraction of the side.
    device
        Of the masks.

    Returns
    -------
        1 or 0, shape ``(world, n, n, n)``.
    """
    worlds = []
    for rng in rngs:
        kind, extents = table_2(rng, N_MASK_OBJECTS, scale=n / 128)
        centre = (n - 1) / 2 + n * rng.uniform(-region, region, size=(N_MASK_OBJECTS, 3))
        worlds.append(placed(rng, kind, extents, centre=centre, values=(1.0, 1.0)))
    return (rasterise(worlds, (n, n, n), device=device) > 0.5).float()


def _spheres(rng: Rng, n: int, outside: Outside) -> Objects:
    radius = rng.uniform(*outside.radii, size=(outside.n_sources, 1)) * n / 128
    centre = rng.uniform(0, n - 1, size=(outside.n_sources, 3))
    kind = np.full(outside.n_sources, ELLIPSOID)
    return placed(rng, kind, np.repeat(radius, 3, axis=1), centre=centre, values=outside.values)
