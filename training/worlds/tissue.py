"""The packed tissue maps, and where the deep grey nuclei lie in them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.vectors import Vector

FILE = Path(__file__).parents[1] / 'data' / 'tissue.npz'

NUCLEI: tuple[tuple[Vector, Vector, int], ...] = (
    ((12, 14, 5), (6.5, 9, 11), 0),  # head of the caudate nucleus
    ((16, -6, 20), (4, 13, 4), 0),  # and its body
    ((26, 2, 0), (5.5, 16, 10), 1),  # putamen
    ((19, -4, -1), (4, 9, 6), 2),  # globus pallidus
    ((12, -18, 8), (8, 13, 8), 3),  # thalamus
    ((5, -20, -8), (3, 3, 4), 4),  # red nucleus
    ((10, -17, -12), (6, 3, 4), 5),  # substantia nigra
    ((15, -58, -34), (5, 8, 5), 6),  # dentate nucleus
)
"""Centre on the right and half axes, mm, and kind."""
N_KINDS = 7


@dataclass(frozen=True)
class Tissue:
    """Maps on a lattice along the axes of MNI space.

    Parameters
    ----------
    maps
        Grey matter and white matter in [0, 1], and the distance from the brain's surface, mm,
        negative inside; shape ``(3, x, y, z)``.
    origin
        Position of the first voxel's centre, mm.
    spacing
        mm.
    """

    maps: Tensor
    origin: Vector
    spacing: float

    def sample(self, displacement: Tensor, matrices: np.ndarray, starts: np.ndarray) -> Tensor:
        """Interpolate linearly; what is outside the lattice has its border's values.

        Parameters
        ----------
        displacement
            mm, shape ``(n, 3, x, y, z)``.
        matrices
            mm in the template per step along the grid's axes, as columns, shape ``(n, 3, 3)``.
        starts
            Position of the grid's first voxel, mm, shape ``(n, 3)``.

        Returns
        -------
            Shape ``(n, 3, x, y, z)``.
        """
        columns = np.concatenate([matrices, (starts - self.origin)[:, :, None]], axis=2)
        maps, device = self.maps, self.maps.device
        table = torch.as_tensor(columns / self.spacing, dtype=torch.float32, device=device)
        places = displacement.movedim(1, -1) / self.spacing + table[:, None, None, None, :, 3]
        for axis in range(3):
            view = [1, 1, 1, 1, 1]
            view[axis + 1] = displacement.shape[axis + 2]
            index = torch.arange(view[axis + 1], device=device).view(view)
            places += index * table[:, None, None, None, :, axis]
        last = torch.tensor(maps.shape[1:], device=device) - 1
        return torch.nn.functional.grid_sample(
            maps.expand(len(places), *maps.shape),
            (places * (2 / last) - 1).flip(-1),
            mode='bilinear',
            padding_mode='border',
            align_corners=True,
        )


@lru_cache(maxsize=2)
def load_tissue(device: torch.device) -> Tissue:
    """Load the maps once.

    Parameters
    ----------
    device
        Where they stay.
    """
    with np.load(FILE) as content:
        grey, white = content['grey'], content['white']
        inside = np.unpackbits(content['inside'], count=grey.size).reshape(grey.shape) > 0
        x, y, z = content['origin_mm'].tolist()
        spacing = float(content['spacing_mm'])
    distance = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    distance = ndimage.gaussian_filter(distance * spacing, 0.8)
    highest = float(max(grey.max(), white.max()))
    maps = torch.from_numpy(np.stack([grey / highest, white / highest, distance])).float()
    return Tissue(maps.to(device), (x, y, z), spacing)
