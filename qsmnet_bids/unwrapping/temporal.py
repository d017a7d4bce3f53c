"""From one echo to the others: turns that agree with a phase that grows in proportion to time.

Template and temporal unwrapping are those of ROMEO: B. Dymerska et al., Magn. Reson. Med.
85:2294-2308, 2021, doi:10.1002/mrm.28563; the prediction here weights all echoes that are known.
"""

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.physics.box import Box
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, Volume

TURN = 2 * math.pi


def crop(echoes: MultiEcho, box: Box) -> MultiEcho:
    """Cut a box out of every echo.

    Parameters
    ----------
    echoes
        Whole volumes.
    box
        Slices along x, y, z.
    """
    whole = (slice(None), *box)
    return dataclasses.replace(
        echoes, magnitude=echoes.magnitude[whole], phase=echoes.phase[whole]
    )


def uncrop(unwrapped: Tensor, box: Box, shape: torch.Size) -> Echoes:
    """Undo ``crop``: zeros everywhere but in the box.

    Parameters
    ----------
    unwrapped
        What fills the box, rad.
    box
        Slices along x, y, z.
    shape
        Voxels in x, y, z of the result.
    """
    whole = unwrapped.new_zeros((len(unwrapped), *shape))
    whole[(slice(None), *box)] = unwrapped
    return whole


def in_time(template: Volume, echoes: MultiEcho, *, mask: Mask, index: int = 0) -> Echoes:
    """Unwrap every voxel to the turn that its echoes nearer to the template predict.

    The prediction is TE sum(m^2 TE phase) / sum(m^2 TE^2) over the echoes done so far.

    Parameters
    ----------
    template
        One echo, unwrapped in space, rad.
    echoes
        Wrapped phase without offset, and magnitude m.
    mask
        Where ``template`` is known.
    index
        Of the template among the echoes; the later ones follow in order, then the earlier ones
        from the latest to the first.

    Returns
    -------
        rad, zero outside the mask.
    """
    unwrapped = torch.empty_like(echoes.phase)
    unwrapped[index] = template
    power = (echoes.magnitude[index] * echoes.echo_times[index]).square().clamp(min=1e-30)
    rate = template / echoes.echo_times[index]
    count = len(echoes.echo_times)
    for echo in (*range(index + 1, count), *range(index - 1, -1, -1)):
        time, wrapped = echoes.echo_times[echo], echoes.phase[echo]
        turns = torch.round((rate * time - wrapped) / TURN)
        unwrapped[echo] = (wrapped + TURN * turns) * mask
        gain = (echoes.magnitude[echo] * time).square()
        power += gain
        rate += (unwrapped[echo] / time - rate) * (gain / power)
    return unwrapped


def in_space(echoes: MultiEcho, unwrap: Callable[[int], Volume], *, mask: Mask) -> Echoes:
    """Unwrap each echo by itself and bring all to the turn that the one before predicts.

    Parameters
    ----------
    echoes
        Wrapped phase without offset.
    unwrap
        Gives the unwrapped phase of the echo of this index, rad.
    mask
        Where that is known.

    Returns
    -------
        rad, zero outside the mask.
    """
    unwrapped = torch.empty_like(echoes.phase)
    for echo in range(len(echoes.echo_times)):
        phase = unwrap(echo)
        if echo:
            growth = echoes.echo_times[echo] / echoes.echo_times[echo - 1]
            excess = torch.median((unwrapped[echo - 1] * growth - phase)[mask])
            phase = phase + TURN * torch.round(excess / TURN) * mask
        unwrapped[echo] = phase
    return unwrapped
