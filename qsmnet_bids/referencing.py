"""Choose the susceptibility that counts as zero: the dipole field does not fix it.

The ventricles as reference, found by their slow decay, follow Z. Liu et al., Magn. Reson. Med.
79:2795-2803, 2018, doi:10.1002/mrm.26946.
"""

import dataclasses
import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.tensors import ChiMap, Mask, Volume
from qsmnet_bids.vectors import Vector

Region = Literal['mask', 'csf', 'segmentation', 'none']
Segmentation = Int[Tensor, 'x y z']

REGIONS = {'mask': 'whole mask', 'none': 'none'}
"""Names of the regions as they are written into sidecars."""
FOUND = {
    'csf': 'ventricular cerebrospinal fluid',
    'segmentation': 'region of the segmentation',
}
"""Names of the regions that need more than the map."""
CSF_R2STAR = 5.0
"""Below it decay is that of fluid, 1/s."""
CENTRE_RADIUS_MM = 30.0
"""The ventricles come this near to the centre of the brain."""
N_SEEDS = 2
"""Largest parts near the centre that are taken: the two lateral ventricles."""
SURFACE_MM = 10.0
"""Fluid this near to the mask's surface is that around the brain."""
LEAST_CSF_ML = 1.0
"""Lateral ventricles hold more in all but the youngest."""


def reference(
    chi: ChiMap,
    *,
    region: Region = 'mask',
    r2star: Volume | None = None,
    segmentation: Segmentation | None = None,
    labels: tuple[int, ...] = (),
) -> ChiMap:
    """Subtract the mean over a region.

    Parameters
    ----------
    chi
        Map to reference.
    region
        ``'mask'`` for the whole mask, ``'csf'`` for the ventricles (needs ``r2star``),
        ``'segmentation'`` for voxels of ``segmentation`` whose value is one of ``labels``,
        ``'none'`` to leave the map as it is.
    r2star
        1/s; only for ``'csf'``.
    segmentation, labels
        Label map on the grid of ``chi`` and the values that count, at least one; only for
        ``'segmentation'``.

    Returns
    -------
        Zero outside the mask, and on average in the region; names the region.
    """
    names = REGIONS | FOUND
    if region not in names:
        raise ValueError(f'region must be one of {sorted(names)}, got {region!r}')
    name = names[region]
    if region == 'none':
        return dataclasses.replace(chi, reference=name)
    if region == 'csf':
        where = _csf(chi, r2star)
    elif region == 'segmentation':
        where = _labelled(chi, segmentation, labels)
        name = f'{name} with the value {" or ".join(map(str, labels))}'
    else:
        where = chi.mask
    if not bool(where.any()):
        raise ValueError(f'the reference region ({name}) has no voxel in the mask')
    mean = chi.chi[where].double().mean()
    values = (chi.chi - mean.to(chi.chi.dtype)) * chi.mask
    return dataclasses.replace(chi, chi=values, reference=name)


def ventricles(r2star: Volume, *, mask: Mask, voxel_size: Vector) -> Mask:
    """Find the fluid in the ventricles.

    Of the voxels that decay slower than 5 1/s those are kept that hang together with one of the
    two largest parts within 30 mm of the mask's centre. Fluid close to the mask's surface is left
    out before, since the cisterns would connect the ventricles to all that is around the brain.

    Parameters
    ----------
    r2star
        1/s.
    mask
        The brain.
    voxel_size
        mm.

    Returns
    -------
        Part of ``mask``; without a voxel if there is no such fluid.
    """
    box = bounding_box(mask)
    inside = np.pad(mask[box].cpu().numpy(), 1)
    depth = ndimage.distance_transform_edt(inside, sampling=voxel_size)[1:-1, 1:-1, 1:-1]
    inside = inside[1:-1, 1:-1, 1:-1]
    fluid = (r2star[box].cpu().numpy() < CSF_R2STAR) & inside & (depth > SURFACE_MM)
    places = np.ogrid[tuple(slice(n) for n in inside.shape)]
    squared = np.zeros(inside.shape, dtype=np.float32)
    for axis, (place, size) in enumerate(zip(places, voxel_size, strict=True)):
        others = tuple(i for i in range(3) if i != axis)
        counts = inside.sum(axis=others)
        centre = (counts * np.arange(len(counts))).sum() / counts.sum()
        squared += ((place - centre) * size).astype(np.float32) ** 2
    central, _ = ndimage.label(fluid & (squared <= CENTRE_RADIUS_MM**2))
    sizes = np.bincount(central.ravel())
    sizes[0] = 0
    seeds = [part for part in np.argsort(sizes)[-N_SEEDS:] if sizes[part]]
    parts, n_parts = ndimage.label(fluid)
    chosen = np.zeros(n_parts + 1, dtype=bool)
    chosen[np.unique(parts[np.isin(central, seeds)])] = True
    chosen[0] = False
    return put_back(torch.from_numpy(chosen[parts]).to(mask.device), box, mask.shape)


def _csf(chi: ChiMap, r2star: Volume | None) -> Mask:
    if r2star is None:
        raise ValueError("region 'csf' needs r2star, thus at least 2 echoes; choose another")
    where = ventricles(r2star, mask=chi.mask, voxel_size=chi.voxel_size)
    volume = float(where.sum()) * math.prod(chi.voxel_size) / 1000
    if volume < LEAST_CSF_ML:
        raise ValueError(
            f'only {volume:.2g} ml look like fluid in the ventricles, at least {LEAST_CSF_ML:g} '
            "ml are needed for region 'csf'; choose another"
        )
    return where


def _labelled(chi: ChiMap, segmentation: Segmentation | None, labels: tuple[int, ...]) -> Mask:
    if segmentation is None or not labels:
        raise ValueError("region 'segmentation' needs segmentation and labels")
    if segmentation.shape != chi.mask.shape:
        raise ValueError(
            f'segmentation must have the shape of the map, {tuple(chi.mask.shape)}, '
            f'got {tuple(segmentation.shape)}'
        )
    wanted = torch.tensor(labels, device=segmentation.device, dtype=segmentation.dtype)
    return torch.isin(segmentation, wanted) & chi.mask
