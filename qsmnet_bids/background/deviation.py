"""How a field differs from its mean over spheres: what SHARP and its kin start from.

F. Schweser et al., NeuroImage 54:2789-2807, 2011, doi:10.1016/j.neuroimage.2010.10.070.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.background.region import Region, cut_out
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.physics.smv import covered, sphere_kernel
from qsmnet_bids.tensors import Mask, TotalField, Volume


@dataclass(frozen=True)
class Deviation:
    """A field less its mean over the sphere around each voxel; that of a background is zero.

    Parameters
    ----------
    region
        Of the total field.
    known
        Voxels whose sphere lies in the mask.
    sharpness
        1 - sphere in k-space, shape ``(x, y, z // 2 + 1)``.
    values
        ppm, zero where not known.
    """

    region: Region
    known: Mask
    sharpness: Tensor
    values: Volume


def deviation(total: TotalField, *, radius: float) -> Deviation:
    """Subtract from a field its mean over spheres of one size.

    Parameters
    ----------
    total
        Field to split.
    radius
        Of the sphere, mm.
    """
    if not radius > 0:
        raise ValueError(f'radius must be positive, got {radius}')
    region = cut_out(total, margin_mm=2 * radius)
    inside = region.mask.to(region.field.dtype)
    kernel = sphere_kernel(
        region.shape,
        total.voxel_size,
        radius,
        device=region.field.device,
        dtype=region.field.dtype,
    )
    known = covered(torch.fft.rfftn(inside), kernel, region.shape)
    if not bool(known.any()):
        raise ValueError(f'no sphere of {radius} mm fits into the mask; it is too thin')
    sharpness = kernel.neg_().add_(1)
    values = convolve(region.field, sharpness).mul_(known)
    return Deviation(region, known, sharpness, values)
