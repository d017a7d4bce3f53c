"""An echo that is not measured: at time zero, where the phase varies smoothly in space.

Coils and excitation alone decide that phase, as in K. Eckstein et al., Magn. Reson. Med.
79:2996-3006, 2018, doi:10.1002/mrm.26963.
"""

import torch
from jaxtyping import Complex
from torch import Tensor

from qsmnet_bids.fieldmap.smooth_phase import coherence, smooth
from qsmnet_bids.tensors import Mask
from qsmnet_bids.unwrapping.temporal import TURN
from qsmnet_bids.vectors import Vector

WIDTH = 5.0
"""How many times as far from the smooth phase as most voxels are each may well be: the echo then
decides nothing where the others can."""


def echo_at_zero(
    offset: Complex[Tensor, ' voxel'], *, mask: Mask, smoothing: float, voxel_size: Vector
) -> Complex[Tensor, ' voxel']:
    """Give the smooth part of the phase offset, and how sure it is.

    With s the robust standard deviation of the offsets from their smooth part, and R the length
    of the local mean of exp(i deviation), the variance of the smooth part is taken for the larger
    of (5 s)^2 and -2 ln R.

    Parameters
    ----------
    offset
        Phase at time zero of each voxel of the mask, as a complex number of any weight.
    mask
        Where they lie.
    smoothing
        Standard deviation of the Gaussian that smooths them, mm.
    voxel_size
        mm.

    Returns
    -------
        Complex numbers whose squared length is the inverse of that variance: with noise of
        standard deviation 1 in each part they would be as sure.
    """
    volume = offset.new_zeros(mask.shape)
    volume[mask] = offset
    smooth_phase = smooth(volume, deviation=smoothing, voxel_size=voxel_size)
    near = coherence(volume, smooth_phase, deviation=smoothing, voxel_size=voxel_size)[mask]
    phase = smooth_phase[mask]
    deviation = torch.remainder(offset.angle() - phase + TURN / 2, TURN) - TURN / 2
    spread = WIDTH * deviation.abs().median() / 0.6745
    variance = torch.maximum(-2 * near.clamp(min=1e-6).log(), spread.square())
    return torch.polar(variance.clamp(min=1e-12).rsqrt(), phase)
