"""The noise of the complex signal, from what the fit leaves or from the magnitude alone."""

import math

import torch
from jaxtyping import Complex
from scipy import special
from torch import Tensor

from qsmnet_bids.fieldmap.phases import FAINTEST
from qsmnet_bids.tensors import Echoes, Mask, Volume

HEARD = 4.0
"""Least magnitude that is not noise, in standard deviations of it: of 3000 voxels without
signal one is above."""


def signal_noise(residual: Echoes, *, magnitude: Echoes, mask: Mask, n_fitted: int) -> Tensor:
    """Estimate the standard deviation of the real part of the signal's noise.

    Its square is the median over the mask of sum (m residual)^2, divided by the median of the
    chi-squared distribution with as many degrees of freedom as echoes less fitted parameters.
    Where that leaves none, it comes from mixed second differences of the first magnitude.

    Parameters
    ----------
    residual
        Phase less the fit, rad.
    magnitude
        m, any unit.
    mask
        Where to look.
    n_fitted
        Parameters per voxel.

    Returns
    -------
        A number, in the unit of the magnitude.
    """
    degrees = len(residual) - n_fitted
    if degrees < 1:
        return _magnitude_noise(magnitude[0], mask)
    squares = (magnitude * residual).square().sum(0)[mask]
    return torch.sqrt(torch.median(squares) / (2 * float(special.gammaincinv(degrees / 2, 0.5))))


def above_noise(
    signal: Complex[Tensor, 'echo voxel'], noise: Tensor
) -> Complex[Tensor, 'echo voxel']:
    """Take from the power of complex signals what noise adds to it, 2 s^2.

    Parameters
    ----------
    signal
        Relative to the greatest.
    noise
        s, the standard deviation of its real part.

    Returns
    -------
        Of the same phase; where the magnitude may be noise alone, it is the least that counts.
    """
    power = signal.abs().square()
    heard = power > (HEARD * noise).square()
    true = torch.where(heard, power - 2 * noise.square(), 0).clamp(min=FAINTEST**2)
    return torch.polar(true.sqrt(), signal.angle())


def _magnitude_noise(magnitude: Volume, mask: Mask) -> Tensor:
    """Take second differences along all three axes in turn: anatomy largely cancels, noise adds.

    Each second difference multiplies the variance of white noise by 6.
    """
    difference, inside = magnitude, mask
    scale = 1.0
    for axis in range(3):
        if difference.shape[axis] < 3:
            continue
        n = mask.shape[axis] - 2
        parts = [inside.narrow(axis, start, n) for start in range(3)]
        inside = parts[0] & parts[1] & parts[2]
        difference = torch.diff(difference, n=2, dim=axis)
        scale *= math.sqrt(6)
    if not bool(inside.any()):
        raise ValueError('the mask is too thin to estimate the noise of a single echo')
    # 0.6745: the median of |x| for a normal x of standard deviation 1
    return torch.median(difference[inside].abs()) / (0.6745 * scale)
