"""The cerebrospinal fluid of the ventricles, by its slow decay.

Z. Liu et al., Magn. Reson. Med. 79:2795-2803, 2018, doi:10.1002/mrm.26946.
"""

import numpy as np
import torch
from scipy import ndimage

from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

CENTRE_MM = 30.0
"""Distance from the brain's centre within which a ventricle begins."""
RIM_MM = 10.0
"""Depth below the mask's surface at which fluid may be that of a ventricle."""
N_VENTRICLES = 3
"""Regions that are kept, the largest ones."""


def ventricles(r2star: Volume, mask: Mask, voxel_size: Vector, *, threshold: float = 5.0) -> Mask:
    """Find the fluid in the ventricles.

    Voxels of slow decay, deep in the mask, that hang together by their faces with one of the
    largest such regions near the mask's centre.

    Parameters
    ----------
    r2star
        1/s.
    mask
        The brain.
    voxel_size
        mm.
    threshold
        Decay below which a voxel is fluid, 1/s.

    Returns
    -------
        Empty where there is none.
    """
    if threshold <= 0:
        raise ValueError(f'threshold must be positive, got {threshold}')
    brain = mask.cpu().numpy()
    if not brain.any():
        raise ValueError('the mask is empty')
    depth = ndimage.distance_transform_edt(np.pad(brain, 1), sampling=voxel_size)
    fluid = (r2star < threshold).cpu().numpy() & (depth[1:-1, 1:-1, 1:-1] > RIM_MM)
    offsets = np.ogrid[tuple(slice(0, n) for n in brain.shape)]
    distance = sum(
        ((offset - middle) * size) ** 2
        for offset, middle, size in zip(
            offsets, ndimage.center_of_mass(brain), voxel_size, strict=True
        )
    )
    regions, _ = ndimage.label(fluid)
    counts = np.bincount(regions[distance < CENTRE_MM**2], minlength=2)
    counts[0] = 0
    kept = [region for region in np.argsort(counts)[-N_VENTRICLES:] if counts[region]]
    return torch.from_numpy(np.isin(regions, kept) & fluid).to(mask.device)
