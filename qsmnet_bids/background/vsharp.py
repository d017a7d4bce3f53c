"""V-SHARP: spherical mean values with spheres that shrink towards the mask's border.

B. Wu et al., Magn. Reson. Med. 67:137-147, 2012, doi:10.1002/mrm.23000.
"""

import torch

from qsmnet_bids.background.region import as_local, cut_out
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.physics.smv import covered, sphere_kernel
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import LocalField, TotalField


@kept_blocks()
def vsharp(
    total: TotalField,
    *,
    max_radius: float = 12.0,
    min_radius: float = 0.0,
    radius_step: float = 0.0,
    threshold: float = 0.05,
) -> LocalField:
    """Subtract from the field its mean over the largest sphere that fits, and undo the smoothing.

    A background field is harmonic in the mask, so field - sphere * field holds local sources only;
    dividing by 1 - sphere (of the largest radius) in k-space brings their field back.

    Parameters
    ----------
    total
        Field to split.
    max_radius
        Of the largest sphere, mm.
    min_radius
        Of the smallest sphere, mm; 0 for the longest edge of a voxel. The mask shrinks by it.
    radius_step
        Between spheres, mm; 0 for the longest edge of a voxel.
    threshold
        Where |1 - sphere| is not above it in k-space, the local field is set to 0, in [0, 1).

    Returns
    -------
        Local field in the voxels whose smallest sphere lies in the mask.
    """
    voxel = max(total.voxel_size)
    smallest, step = min_radius or voxel, radius_step or voxel
    if not 0 <= threshold < 1:
        raise ValueError(f'threshold must be in [0, 1), got {threshold}')
    if not 0 < smallest <= max_radius or step < 0:
        raise ValueError(
            'radii must be positive and the greatest not below the least, '
            f'got max_radius {max_radius}, min_radius {smallest}, radius_step {step}'
        )
    # With one sphere's radius of zeros no sphere reaches from one border to the other. Deconvolved
    # fields reach further; the second radius is for them.
    region = cut_out(total, margin_mm=2 * max_radius)
    shape, device = region.shape, region.field.device
    cover = torch.fft.rfftn(region.mask.to(region.field.dtype))
    spectrum = torch.fft.rfftn(region.field)
    difference = torch.zeros_like(region.field)
    done = torch.zeros_like(region.mask)
    largest = None
    for radius in _radii(max_radius, smallest, step):
        kernel = sphere_kernel(
            shape, total.voxel_size, radius, device=device, dtype=region.field.dtype
        )
        fits = covered(cover, kernel, shape)
        new = fits & ~done
        if not bool(new.any()):
            continue
        sharpness = kernel.neg_().add_(1)
        largest = sharpness if largest is None else largest
        deviation = torch.fft.irfftn(spectrum * sharpness, s=shape)
        difference = torch.where(new, deviation, difference)
        done |= fits
    if largest is None:
        raise ValueError(f'no sphere of {smallest} mm fits into the mask; it is too thin')
    inverse = torch.where(largest.abs() > threshold, 1 / largest, 0)
    return as_local(total, region, field=convolve(difference, inverse), known=done)


def _radii(greatest: float, least: float, step: float) -> list[float]:
    """Count down from the greatest radius by whole steps, and end with the least."""
    n = int((greatest - least) / step - 1e-6)
    return [greatest - i * step for i in range(n + 1) if greatest - i * step > least] + [least]
