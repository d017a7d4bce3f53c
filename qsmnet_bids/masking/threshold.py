"""Mask by the magnitude, its gaps closed.

After C. Gessner, Application of Deep Learning to QSM in MRI, master thesis, Hamburg University of
Applied Sciences, 2019, section 3.8: a threshold, then four times a binary closing.
"""

import torch

from qsmnet_bids.masking.morphology import solid
from qsmnet_bids.tensors import Mask, MultiEcho

ROBUST_MAXIMUM = 0.98
"""The quantile that stands for the brightest tissue, so that vessels and spikes do not."""


def threshold(
    echoes: MultiEcho,
    *,
    fraction: float = 0.15,
    opening_radius: float = 3.0,
    closing_radius: float = 4.0,
) -> Mask:
    """Mask the largest body that is brighter than a fraction of the brightest tissue.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    fraction
        Of the robust maximum, in (0, 1).
    opening_radius
        Bridges of less than twice this width are cut, mm.
    closing_radius
        Gaps of less than twice this width are closed, mm.

    Returns
    -------
        One component without holes.
    """
    return solid(
        bright(echoes, fraction=fraction),
        voxel_size=echoes.voxel_size,
        opening_radius=opening_radius,
        closing_radius=closing_radius,
    )


def bright(echoes: MultiEcho, *, fraction: float) -> Mask:
    """Mark voxels whose root sum of squares over the echoes exceeds a fraction of the maximum.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    fraction
        Of the robust maximum, in (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError(f'fraction must be in (0, 1), got {fraction}')
    power = torch.zeros_like(echoes.magnitude[0])
    for magnitude in echoes.magnitude:
        power.addcmul_(magnitude, magnitude)
    rank = max(1, round(ROBUST_MAXIMUM * power.numel()))
    maximum = torch.kthvalue(power.flatten(), rank).values
    return power > fraction**2 * maximum
