"""V-SHARP: spherical mean values with spheres that shrink towards the mask's border.

B. Wu et al., Magn. Reson. Med. 67:137-147, 2012, doi:10.1002/mrm.23000.
"""

import torch

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.physics.dipole import convolve, pad_to, padded_shape
from qsmnet_bids.physics.smv import sphere_kernel
from qsmnet_bids.tensors import LocalField, TotalField

FILLED = 1 - 1e-4
"""Share of a sphere that must lie in the mask: all of it, up to float32's Fourier transforms."""


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
    box = bounding_box(total.mask)
    inside = total.mask[box]
    crop = (inside.shape[0], inside.shape[1], inside.shape[2])
    # With one sphere's radius of zeros no sphere reaches from one border to the other. Deconvolved
    # fields reach further; the second radius is for them.
    shape = padded_shape(crop, total.voxel_size, 2 * max_radius)
    field = torch.fft.rfftn(pad_to(total.field[box] * inside, shape))
    cover = torch.fft.rfftn(pad_to(inside.to(total.field.dtype), shape))
    difference = torch.zeros(shape, device=total.field.device, dtype=total.field.dtype)
    done = torch.zeros(shape, device=total.field.device, dtype=torch.bool)
    largest = None
    for radius in _radii(max_radius, smallest, step):
        kernel = sphere_kernel(shape, total.voxel_size, radius, device=field.device)
        fits = torch.fft.irfftn(cover * kernel, s=shape) > FILLED
        new = fits & ~done
        if not bool(new.any()):
            continue
        largest = kernel if largest is None else largest
        difference[new] = torch.fft.irfftn(field * (1 - kernel), s=shape)[new]
        done |= fits
    if largest is None:
        raise ValueError(f'no sphere of {smallest} mm fits into the mask; it is too thin')
    sharpness = 1 - largest
    inverse = torch.where(sharpness.abs() > threshold, 1 / sharpness, 0)
    local = convolve(difference, inverse)
    keep = put_back(done[: crop[0], : crop[1], : crop[2]] & inside, box, total.mask.shape)
    return LocalField(
        put_back(local[: crop[0], : crop[1], : crop[2]], box, total.mask.shape) * keep,
        total.noise * keep,
        keep,
        total.voxel_size,
        total.b0_dir,
    )


def _radii(greatest: float, least: float, step: float) -> list[float]:
    """Count down from the greatest radius by whole steps, and end with the least."""
    n = int((greatest - least) / step - 1e-6)
    return [greatest - i * step for i in range(n + 1) if greatest - i * step > least] + [least]
