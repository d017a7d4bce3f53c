"""Mask by the phase: in tissue smooth in space and linear in time, elsewhere random.

The measures are ROMEO's: B. Dymerska et al., Magn. Reson. Med. 85:2294-2308, 2021,
doi:10.1002/mrm.28563.
"""

import math

import torch
from torch import Tensor

from qsmnet_bids.masking.morphology import solid
from qsmnet_bids.tensors import Mask, MultiEcho, Volume


def phase_quality(
    echoes: MultiEcho,
    *,
    quality: float = 0.5,
    opening_radius: float = 3.0,
    closing_radius: float = 4.0,
) -> Mask:
    """Mask the largest body of coherent phase.

    Parameters
    ----------
    echoes
        Only the phase of the first two echoes is used.
    quality
        Least coherence, in (0, 1).
    opening_radius
        Bridges of less than twice this width are cut, mm.
    closing_radius
        Gaps of less than twice this width are closed, mm.

    Returns
    -------
        One component without holes.
    """
    return solid(
        coherent(echoes, quality=quality),
        voxel_size=echoes.voxel_size,
        opening_radius=opening_radius,
        closing_radius=closing_radius,
    )


def coherent(echoes: MultiEcho, *, quality: float) -> Mask:
    """Mark voxels whose phase agrees with that of their neighbours.

    Parameters
    ----------
    echoes
        Only the phase of the first two echoes is used.
    quality
        Least coherence, in (0, 1).
    """
    if not 0 < quality < 1:
        raise ValueError(f'quality must be in (0, 1), got {quality}')
    return coherence(echoes) > quality


def coherence(echoes: MultiEcho) -> Volume:
    """Rate each voxel by the mean weight of its edges, smoothed over 3 x 3 x 3 voxels.

    An edge weighs (1 - |d1| / pi) (1 - |d2 - d1 TE2 / TE1|), at least 0, where d are the wrapped
    phase differences along it in the first two echoes; for a single echo the second factor is
    1 - |change of d to the next edge| / 2.

    Parameters
    ----------
    echoes
        Only the phase is used.

    Returns
    -------
        0 for noise to 1 for perfect agreement, without unit.
    """
    total = torch.zeros_like(echoes.phase[0])
    count = torch.zeros_like(total)
    for axis in range(3):
        n = total.shape[axis]
        if n < 3:
            continue
        weight = _edge_weight(echoes, axis)
        for start in (0, 1):
            total.narrow(axis, start, n - 1).add_(weight)
            count.narrow(axis, start, n - 1).add_(1)
    mean = total / count.clamp_(min=1)
    pool = torch.nn.functional.avg_pool3d
    return pool(mean[None], 3, stride=1, padding=1, count_include_pad=False)[0]


def _edge_weight(echoes: MultiEcho, axis: int) -> Tensor:
    first = _wrap(torch.diff(echoes.phase[0], dim=axis))
    if len(echoes.echo_times) > 1:
        second = _wrap(torch.diff(echoes.phase[1], dim=axis))
        disagreement = second.sub_(first, alpha=echoes.echo_times[1] / echoes.echo_times[0])
    else:
        bend = _wrap(torch.diff(first, dim=axis)).div_(2)
        disagreement = torch.cat([bend, bend.narrow(axis, bend.shape[axis] - 1, 1)], dim=axis)
    agreement = disagreement.abs_().neg_().add_(1).clamp_(min=0)
    return first.abs_().div_(-math.pi).add_(1).mul_(agreement)


def _wrap(phase: Tensor) -> Tensor:
    return torch.remainder(phase + math.pi, 2 * math.pi).sub_(math.pi)
