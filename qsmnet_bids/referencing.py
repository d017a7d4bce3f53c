"""Choose the susceptibility that counts as zero: the dipole field does not fix it.

The ventricles as reference, found by their slow decay, follow Z. Liu et al., Magn. Reson. Med.
79:2795-2803, 2018, doi:10.1002/mrm.26946.
"""

import dataclasses
import math
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.physics.csf import ventricles
from qsmnet_bids.regions import REGIONS, region_name
from qsmnet_bids.tensors import ChiMap, Mask, Volume

Region = Literal['mask', 'csf', 'segmentation', 'none']
Segmentation = Int[Tensor, 'x y z']

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
    if region not in REGIONS:
        raise ValueError(f'region must be one of {sorted(REGIONS)}, got {region!r}')
    name = region_name(region, labels)
    if region == 'none':
        return dataclasses.replace(chi, reference=name)
    if region == 'csf':
        where = _csf(chi, r2star)
    elif region == 'segmentation':
        where = _labelled(chi, segmentation, labels)
    else:
        where = chi.mask
    if not bool(where.any()):
        raise ValueError(f'the reference region ({name}) has no voxel in the mask')
    mean = chi.chi[where].double().mean()
    values = (chi.chi - mean.to(chi.chi.dtype)) * chi.mask
    return dataclasses.replace(chi, chi=values, reference=name)


def _csf(chi: ChiMap, r2star: Volume | None) -> Mask:
    if r2star is None:
        raise ValueError("region 'csf' needs r2star, thus at least 2 echoes; choose another")
    box = bounding_box(chi.mask)
    found = ventricles(r2star[box], chi.mask[box], chi.voxel_size)
    where = put_back(found, box, chi.mask.shape)
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
