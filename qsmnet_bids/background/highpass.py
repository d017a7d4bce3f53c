"""A high-pass filter of the field, as susceptibility weighted imaging has it.

E. M. Haacke et al., Magn. Reson. Med. 52:612-618, 2004, doi:10.1002/mrm.20198.
"""

import math

import torch

from qsmnet_bids.background.region import as_local, cut_out
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.tensors import LocalField, TotalField


def highpass(total: TotalField, *, sigma: float = 3.0) -> LocalField:
    """Subtract from the field its mean under a Gaussian, taken over the mask.

    local = field - (G * field) / (G * mask). It is quick, but takes away a part of every local
    field that is as smooth as the Gaussian, and leaves a part of every background that is not.

    Parameters
    ----------
    total
        Field to split.
    sigma
        Standard deviation of the Gaussian, mm.

    Returns
    -------
        Local field in the whole mask.
    """
    if not sigma > 0:
        raise ValueError(f'sigma must be positive, got {sigma}')
    region = cut_out(total, margin_mm=4 * sigma)
    kernel = region.field.new_ones(())
    for axis, (n, size) in enumerate(zip(region.shape, total.voxel_size, strict=True)):
        frequencies = torch.fft.fftfreq if axis < 2 else torch.fft.rfftfreq
        k = frequencies(n, size, device=region.field.device, dtype=region.field.dtype)
        shape = [-1 if other == axis else 1 for other in range(3)]
        kernel = kernel * torch.exp(-2 * (math.pi * sigma * k) ** 2).view(shape)
    inside = region.mask.to(region.field.dtype)
    mean = convolve(region.field, kernel) / convolve(inside, kernel).clamp(min=1e-6)
    return as_local(total, region, field=region.field - mean, known=region.mask)
