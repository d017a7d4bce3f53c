"""What worlds tell of the maps that a judge has to weigh."""

from typing import NamedTuple

import torch
from torch import Tensor

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.judge import SPACE, referenced
from qsmnet_bids.networks.refined import Refined
from training.batches import Batch


class Evidence(NamedTuple):
    """Signs of worlds, and what their maps are worth.

    Parameters
    ----------
    signs
        By which maps are weighed, shape ``(n, n_signs)``.
    smooth
        Power of smooth errors over that of white ones, shape ``(n,)``.
    errors
        Products of the maps' errors, summed over the mask and relative to the label's own, shape
        ``(n, n_maps, n_maps)``: maps of shares s have the relative squared error s . errors . s.
    """

    signs: Tensor
    smooth: Tensor
    errors: Tensor


@torch.no_grad()
def evidence_of(network: Refined, batch: Batch) -> Evidence:
    """See what a batch's worlds tell; nothing that is learnt has a part in it.

    Parameters
    ----------
    network
        Its task is the batch's.
    batch
        Whole worlds.
    """
    start, mask = network.start(batch.sample), batch.sample.mask
    if network.task == 'background':
        kernel = start.kernel
        each = torch.split(start.maps, 1, dim=1)
        answers = torch.cat([convolve(one, kernel) for one in each], dim=1) * mask
        label = batch.label * mask / start.scale
    else:
        # no field tells the mean
        answers = referenced(start.maps, mask)
        label = referenced(batch.label / start.scale, mask)
    wrong = (answers - label).flatten(2).double()
    errors = wrong @ wrong.transpose(1, 2)
    own = label.double().square().sum((1, *SPACE))
    # a world whose label is zero says nothing relative to it
    errors /= torch.where(own > 0, own, torch.inf)[:, None, None]
    return Evidence(start.signs, start.smooth, errors.to(start.signs.dtype))


def joined(first: Evidence | None, second: Evidence) -> Evidence:
    """Put two pieces of evidence together.

    Parameters
    ----------
    first
        May be none yet.
    second
        Goes after it.
    """
    if first is None:
        return second
    return Evidence(*(torch.cat(pair) for pair in zip(first, second, strict=True)))


def relative_errors(shares: Tensor, errors: Tensor) -> Tensor:
    """Give the relative error, shape ``(n,)``, of maps of given shares.

    Parameters
    ----------
    shares
        Shape ``(n, n_maps)``.
    errors
        Of ``Evidence``.
    """
    squared = torch.einsum('ni,nij,nj->n', shares, errors, shares)
    return squared.clamp(min=torch.finfo(squared.dtype).tiny).sqrt()
