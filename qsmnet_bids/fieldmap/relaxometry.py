"""Decay of the magnitude: a weighted straight line through its logarithm.

G. J. Pei et al. compare this fit with others, Magn. Reson. Med. 73:843-850, 2015,
doi:10.1002/mrm.25137.
"""

import torch

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.tensors import Mask, MultiEcho, Relaxation

FASTEST = 1000.0
"""Upper limit of R2*, 1/s: such a signal is gone before any usual first echo."""


def relaxometry(echoes: MultiEcho, *, mask: Mask) -> Relaxation:
    """Fit S(TE) = S0 exp(-R2* TE) in each voxel.

    The logarithms are weighted by magnitude^2, the inverse of their variance. R2* is clamped to
    [0, 1000] 1/s, and S0 belongs to the clamped R2*.

    Parameters
    ----------
    echoes
        At least two echoes; only the magnitude is used.
    mask
        Where to fit.

    Returns
    -------
        Zero outside the mask; T2* is zero where R2* is, for lack of decay.
    """
    if len(echoes.echo_times) < 2:
        raise ValueError(f'R2* needs at least 2 echoes, got {len(echoes.echo_times)}')
    box = bounding_box(mask)
    inside, volumes = mask[box], echoes.magnitude[(slice(None), *box)]
    # relative to the greatest, so that no unit underflows
    maximum = volumes.max().clamp(min=torch.finfo(volumes.dtype).tiny)
    n, time, log, time_log, time_time = (torch.zeros_like(volumes[0]) for _ in range(5))
    for magnitude, echo_time in zip(volumes, echoes.echo_times, strict=True):
        relative = (magnitude / maximum).clamp(min=1e-12)
        weight, value = relative.square(), relative.log()
        n += weight
        time += weight * echo_time
        time_time += weight * echo_time**2
        log += weight * value
        time_log += weight * echo_time * value
    mean_time, mean_log = time / n, log / n
    spread = time_time / n - mean_time**2
    slope = (time_log / n - mean_time * mean_log) / spread.clamp(min=1e-12)
    r2star = slope.neg().clamp_(0, FASTEST).mul_(inside)
    s0 = torch.exp(mean_log + r2star * mean_time).mul_(maximum).mul_(inside)
    t2star = torch.where(r2star > 0, 1 / r2star, 0)
    return Relaxation(*(put_back(volume, box, mask.shape) for volume in (r2star, t2star, s0)))
