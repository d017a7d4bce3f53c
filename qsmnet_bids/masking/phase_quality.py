"""Mask by the phase: in tissue smooth in space and linear in time, elsewhere random.

The measures are the spatial coherence and the gradients' coherence in time of ROMEO, with its
first echo as the template: B. Dymerska et al., Magn. Reson. Med. 85:2294-2308, 2021,
doi:10.1002/mrm.28563.
"""

import math

import torch
from torch import Tensor

from qsmnet_bids.masking.body import Tissue, as_body
from qsmnet_bids.tensors import Mask, MultiEcho, Volume


@as_body
def phase_quality(echoes: MultiEcho, *, quality: float = 0.6) -> Tissue:
    """Mask the largest body of coherent phase.

    The radii and ``fill`` are those of `solid`.

    Parameters
    ----------
    echoes
        Only the phase of the first two echoes is used.
    quality
        Least coherence, in (0, 1).

    Returns
    -------
        One component, without holes if they are filled.
    """
    return Tissue(coherent(echoes, quality=quality))


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

    An edge weighs (1 - |d1| / pi) (1 - |d1 - d2 TE1 / TE2|), at least 0, where d are the wrapped
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
    for axis in range(3):
        n = total.shape[axis]
        if n < 3:
            continue
        weight = _edge_weight(echoes, axis)
        for start in (0, 1):
            total.narrow(axis, start, n - 1).add_(weight)
    total /= _edges_per_voxel(total)
    for axis in range(3):
        total = _mean_of_three(total, axis)
    return total


def _edges_per_voxel(volume: Volume) -> Tensor:
    count = torch.zeros((), device=volume.device, dtype=volume.dtype)
    for axis, n in enumerate(volume.shape):
        edges = torch.full((n,), 2.0 if n > 2 else 0.0, device=volume.device, dtype=volume.dtype)
        if n > 2:
            edges[0] = edges[-1] = 1
        count = count + edges.view([-1 if i == axis else 1 for i in range(3)])
    return count.clamp(min=1)


def _mean_of_three(volume: Volume, axis: int) -> Volume:
    """Average along an axis over each voxel and its neighbours, two of them at an end."""
    n = volume.shape[axis]
    if n < 2:
        return volume
    result = volume.clone()
    result.narrow(axis, 1, n - 1).add_(volume.narrow(axis, 0, n - 1))
    result.narrow(axis, 0, n - 1).add_(volume.narrow(axis, 1, n - 1))
    for start, length, count in ((0, 1, 2), (1, n - 2, 3), (n - 1, 1, 2)):
        result.narrow(axis, start, length).div_(count)
    return result


def _edge_weight(echoes: MultiEcho, axis: int) -> Tensor:
    first = _wrap(torch.diff(echoes.phase[0], dim=axis))
    if len(echoes.echo_times) > 1:
        disagreement = _wrap(torch.diff(echoes.phase[1], dim=axis))
        disagreement.mul_(-echoes.echo_times[0] / echoes.echo_times[1]).add_(first)
    else:
        bend = _wrap(torch.diff(first, dim=axis)).div_(2)
        disagreement = torch.cat([bend, bend.narrow(axis, bend.shape[axis] - 1, 1)], dim=axis)
    agreement = disagreement.abs_().neg_().add_(1).clamp_(min=0)
    return first.abs_().div_(-math.pi).add_(1).mul_(agreement)


def _wrap(phase: Tensor) -> Tensor:
    """Bring to [-pi, pi], in place."""
    return phase.sub_(torch.round(phase / (2 * math.pi)), alpha=2 * math.pi)
