"""Smoothing with a Gaussian whose width is given in mm."""

import math

from jaxtyping import Complex, Float
from torch import Tensor

from qsmnet_bids.vectors import Vector

TRUNCATION = 3.0
"""Standard deviations at which the Gaussian ends."""


def gaussian(
    volume: Float[Tensor, 'x y z'] | Complex[Tensor, 'x y z'],
    *,
    deviation: float,
    voxel_size: Vector,
) -> Tensor:
    """Convolve with a Gaussian of sum 1, axis by axis; beyond the border there are zeros.

    Parameters
    ----------
    volume
        Any unit, real or complex.
    deviation
        Standard deviation, mm; 0 changes nothing.
    voxel_size
        mm.

    Returns
    -------
        Same unit and shape as ``volume``.

    >>> from torch import ones
    >>> smooth = gaussian(ones(9, 9, 9), deviation=1.0, voxel_size=(1.0, 1.0, 1.0))
    >>> round(float(smooth[4, 4, 4]), 5)
    1.0
    """
    if deviation < 0:
        raise ValueError(f'deviation must be at least 0, got {deviation}')
    if min(voxel_size) <= 0:
        raise ValueError(f'voxel_size must be positive, got {voxel_size}')
    result = volume
    for axis, size in enumerate(voxel_size):
        reach = math.ceil(TRUNCATION * deviation / size - 1e-6)
        if reach > 0:
            result = _along(result, axis, deviation / size, reach)
    return result.clone() if result is volume else result


def _along(volume: Tensor, axis: int, deviation: float, reach: int) -> Tensor:
    weights = [math.exp(-0.5 * (step / deviation) ** 2) for step in range(reach + 1)]
    total = 2 * sum(weights) - weights[0]
    n = volume.shape[axis]
    result = volume * (weights[0] / total)
    for step, weight in enumerate(weights[1:n], 1):
        lower, upper = (result.narrow(axis, start, n - step) for start in (0, step))
        lower.add_(volume.narrow(axis, step, n - step), alpha=weight / total)
        upper.add_(volume.narrow(axis, 0, n - step), alpha=weight / total)
    return result
