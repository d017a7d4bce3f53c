"""How far two neighbours' phases can be trusted to differ by less than half a turn.

B. Dymerska et al., Magn. Reson. Med. 85:2294-2308, 2021, doi:10.1002/mrm.28563.
"""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.physics.gradient import Gradient
from qsmnet_bids.tensors import Mask, MultiEcho, Volume

Weights = Literal['romeo2', 'romeo3', 'romeo4', 'romeo6']
FLOOR = 0.1
"""A weight of zero would hide the order of the others: w enters as 0.1 + 0.9 w."""
UNKNOWN_LINEARITY = 0.9
"""Where a neighbour on either side of the edge is lacking."""
BRIGHT = 0.95
"""Quantile of the magnitude that stands for its maximum."""


def edge_weights(
    echoes: MultiEcho, *, mask: Mask, template: int = 1, weights: Weights = 'romeo4'
) -> Gradient:
    """Rate the edge of every voxel to its next neighbour along x, y and z.

    With d and d2 the wrapped phase differences along the edge in the template and in its reference
    echo, and m <= M the magnitudes at its ends, the weight is the product of

        phase coherence            1 - |d| / pi
        phase gradient coherence   max(0, 1 - |d - d2 TE / TE2|)
        phase linearity            product over both sides of max(0, 1 - |change of d| / 2)
        magnitude coherence        (m / M)^2
        magnitude weights          0.5 + 0.5 min(1, 2 m / max), 0.5 + 0.5 min(1, max / (2 M))

    each as 0.1 + 0.9 w. A single echo has no gradient coherence.

    Parameters
    ----------
    echoes
        One echo or more.
    mask
        Where the maximum of the magnitude is taken, as its 95th percentile.
    template
        Echo to rate, from 1; its reference is the second for the first, else the one before.
    weights
        ``romeo2``: phase and magnitude coherence; ``romeo3``: and gradient coherence; ``romeo4``:
        and linearity; ``romeo6``: all.

    Returns
    -------
        In (0, 1], zero where an edge leaves the volume; shape (3, x, y, z).
    """
    count = len(echoes.echo_times)
    if not 1 <= template <= count:
        raise ValueError(f'template must be in 1 to {count}, the number of echoes, got {template}')
    result = echoes.phase.new_zeros((3, *mask.shape))
    bright = _bright(echoes.magnitude[template - 1][mask])
    for axis in range(3):
        product = result[axis].narrow(axis, 0, mask.shape[axis] - 1)
        product.fill_(1)
        for factor in _factors(echoes, axis, template - 1, int(weights[-1]), bright):
            product *= factor.mul_(1 - FLOOR).add_(FLOOR)
    return result


def voxel_quality(
    echoes: MultiEcho, *, mask: Mask, template: int = 1, weights: Weights = 'romeo4'
) -> Volume:
    """Rate each voxel by the sum of the weights of its edges over their greatest number, six.

    Parameters
    ----------
    echoes
        One echo or more.
    mask
        Where the maximum of the magnitude is taken; every voxel is rated.
    template, weights
        As for ``edge_weights``.

    Returns
    -------
        0 to 1.
    """
    edges = edge_weights(echoes, mask=mask, template=template, weights=weights)
    quality = edges.sum(0)
    for axis in range(3):
        n = mask.shape[axis] - 1
        quality.narrow(axis, 1, n).add_(edges[axis].narrow(axis, 0, n))
    return quality.div_(6)


def _factors(
    echoes: MultiEcho, axis: int, template: int, n_weights: int, bright: Tensor
) -> Iterator[Tensor]:
    """Yield the weights, each a new tensor that lacks the last plane along the axis."""
    difference = _wrap(torch.diff(echoes.phase[template], dim=axis))
    yield 1 - difference.abs() / math.pi
    if n_weights > 2 and len(echoes.echo_times) > 1:
        other = template - 1 if template else 1
        growth = _wrap(torch.diff(echoes.phase[other], dim=axis))
        growth *= echoes.echo_times[template] / echoes.echo_times[other]
        yield growth.sub_(difference).abs_().neg_().add_(1).clamp_(min=0)
    if n_weights > 3:
        yield _linearity(difference, axis)
    magnitude = echoes.magnitude[template]
    n = magnitude.shape[axis] - 1
    ends = magnitude.narrow(axis, 0, n), magnitude.narrow(axis, 1, n)
    less = torch.minimum(*ends)
    more = torch.maximum(*ends).clamp_(min=torch.finfo(less.dtype).tiny)
    yield (less / more).square_()
    if n_weights > 4:
        yield (less / (0.5 * bright)).clamp_(max=1).mul_(0.5).add_(0.5)
        yield (0.5 * bright / more).clamp_(max=1).mul_(0.5).add_(0.5)


def _linearity(difference: Tensor, axis: int) -> Tensor:
    result = torch.full_like(difference, UNKNOWN_LINEARITY)
    n = difference.shape[axis]
    if n > 2:
        bend = _wrap(torch.diff(difference, dim=axis))
        smooth = bend.abs_().mul_(-0.5).add_(1).clamp_(min=0)
        product = smooth.narrow(axis, 0, n - 2) * smooth.narrow(axis, 1, n - 2)
        result.narrow(axis, 1, n - 2).copy_(product)
    return result


def _bright(magnitude: Tensor) -> Tensor:
    rank = max(1, math.ceil(BRIGHT * magnitude.numel()))
    return torch.kthvalue(magnitude, rank).values.clamp(min=torch.finfo(magnitude.dtype).tiny)


def _wrap(phase: Tensor) -> Tensor:
    return torch.remainder(phase + math.pi, 2 * math.pi).sub_(math.pi)
