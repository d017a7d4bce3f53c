"""The MNI152 tissue maps at 1 mm, which the nilearn package carries as data.

V. Fonov et al., NeuroImage 54:313-327, 2011, doi:10.1016/j.neuroimage.2010.07.033.
"""

import importlib.util
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.errors import QsmError
from qsmnet_bids.phantom.shapes import Positions
from qsmnet_bids.vectors import Vector

LOWEST_MM = -66.0
"""The brain ends here; the brain stem would otherwise run out of the template at -72 mm."""
BELOW_MM = 80.0
"""How far the distance map goes on below the template."""


@dataclass(frozen=True)
class Lattice:
    """Maps on a regular lattice along the axes of MNI space.

    Parameters
    ----------
    maps
        One map per channel.
    origin
        Position of the first voxel's centre, mm.
    spacing
        mm.
    """

    maps: Float[Tensor, 'channel x y z']
    origin: Vector
    spacing: Vector

    def sample(self, positions: Positions, *, beyond: str) -> Float[Tensor, 'channel a b c']:
        """Interpolate linearly.

        Parameters
        ----------
        positions
            mm, shape ``(3, a, b, c)``.
        beyond
            ``'zeros'`` or ``'border'``: what holds outside the lattice.
        """
        axes = []
        for i in (2, 1, 0):  # the order that grid_sample wants
            last = (self.maps.shape[i + 1] - 1) * self.spacing[i]
            axes.append((positions[i] - self.origin[i]) * (2 / last) - 1)
        grid = torch.stack(axes, dim=-1)[None]
        sampled = torch.nn.functional.grid_sample(
            self.maps[None], grid, mode='bilinear', padding_mode=beyond, align_corners=True
        )
        return sampled[0]


def template_folder() -> Path:
    """Find nilearn's data without importing nilearn, which takes seconds."""
    spec = importlib.util.find_spec('nilearn')
    if spec is None or not spec.submodule_search_locations:
        raise QsmError(
            'the phantom is built from the MNI152 maps of the nilearn package, which is not '
            "installed; install the extra 'phantom': pip install 'qsmnet-bids[phantom]'"
        )
    return Path(spec.submodule_search_locations[0]) / 'datasets' / 'data'


@lru_cache(maxsize=1)  # the subjects of a dataset share it
def load_tissue(voxel_size: Vector) -> Lattice:
    """Load grey matter, white matter, T1 contrast and the inside of the brain.

    The maps are averaged over blocks that fit into a voxel, so that coarse voxels do not alias.

    Parameters
    ----------
    voxel_size
        Of the grid on which the maps will be sampled, mm.

    Returns
    -------
        Four channels, each in [0, 1].
    """
    grey, white, contrast = (_load(name) for name in ('gm', 'wm', 't1'))
    inside = (contrast > 0).float()
    inside[:, :, : _index_of(LOWEST_MM)] = 0
    maps = torch.stack([grey, white, contrast, inside])
    factor = tuple(max(1, math.floor(size)) for size in voxel_size)
    return _averaged(Lattice(maps, _ORIGIN, (1.0, 1.0, 1.0)), (factor[0], factor[1], factor[2]))


def distance_from_brain(tissue: Lattice) -> Lattice:
    """Measure the distance from the brain's surface.

    Parameters
    ----------
    tissue
        As ``load_tissue`` gives it.

    Returns
    -------
        One channel: distance in mm, negative inside; smooth on the scale of some mm.
    """
    inside = Lattice(tissue.maps[3:], tissue.origin, tissue.spacing)
    factor = tuple(max(1, round(2 / size)) for size in inside.spacing)
    coarse = _averaged(inside, (factor[0], factor[1], factor[2]))
    n_below = math.ceil(BELOW_MM / coarse.spacing[2])
    brain = np.pad(coarse.maps[0].numpy() > 0.5, ((0, 0), (0, 0), (n_below, 0)))
    outside = ndimage.distance_transform_edt(~brain, sampling=coarse.spacing)
    depth = ndimage.distance_transform_edt(brain, sampling=coarse.spacing)
    sigma = [2 / size for size in coarse.spacing]
    distance = ndimage.gaussian_filter((outside - depth).astype(np.float32), sigma)
    x, y, z = coarse.origin
    origin = (x, y, z - n_below * coarse.spacing[2])
    return Lattice(torch.from_numpy(distance)[None], origin, coarse.spacing)


_ORIGIN = (-98.0, -134.0, -72.0)
_SHAPE = (197, 233, 189)


def _index_of(z: float) -> int:
    return round(z - _ORIGIN[2])


def _load(name: str) -> Float[Tensor, 'x y z']:
    path = template_folder() / f'mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz'
    if not path.is_file():
        raise QsmError(f'{path}: no such file; install a nilearn from 0.11 on, which carries it')
    image = nib.Nifti1Image.from_filename(path)
    if image.shape != _SHAPE or tuple(image.affine[:3, 3]) != _ORIGIN:
        raise QsmError(f'{path}: shape {image.shape}, not the MNI152 map that the phantom knows')
    return torch.from_numpy(np.asarray(image.dataobj, dtype=np.float32)) / 255


def _averaged(lattice: Lattice, factor: tuple[int, int, int]) -> Lattice:
    if factor == (1, 1, 1):
        return lattice
    maps = torch.nn.functional.avg_pool3d(lattice.maps[None], factor)[0]
    origin = [lattice.origin[i] + lattice.spacing[i] * (factor[i] - 1) / 2 for i in range(3)]
    spacing = [lattice.spacing[i] * factor[i] for i in range(3)]
    return Lattice(maps, (origin[0], origin[1], origin[2]), (spacing[0], spacing[1], spacing[2]))
