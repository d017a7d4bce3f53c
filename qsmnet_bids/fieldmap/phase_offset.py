"""Remove the phase that is there at echo time zero (MCPC-3D-S, for coil-combined phase).

K. Eckstein et al., Magn. Reson. Med. 79:2996-3006, 2018, doi:10.1002/mrm.26963.
"""

import dataclasses
import math

import torch
from torch import Tensor

from qsmnet_bids.fieldmap.smooth_phase import plane, smooth
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.tensors import Mask, MultiEcho
from qsmnet_bids.unwrapping.romeo import romeo
from qsmnet_bids.unwrapping.temporal import crop


def mcpc3ds(
    echoes: MultiEcho, *, mask: Mask, smoothing: float = 6.0, bipolar: bool = False
) -> MultiEcho:
    """Subtract the phase offset that the first two echoes show.

    The phase of S2 conj(S1) grows by the field alone; unwrapped and scaled by TE1 / (TE2 - TE1) it
    gives the phase of the first echo without offset. What the first echo has beyond that is the
    offset, smoothed as a complex number with the weight |S1| |S2|.

    Parameters
    ----------
    echoes
        One echo shows no offset and is returned as it is.
    mask
        Where the phase is known; elsewhere it stays as it is.
    smoothing
        Standard deviation of the Gaussian, mm.
    bipolar
        Whether the readout gradient alternates: then ``align_polarities`` comes first, and a
        single pair of echoes is refused, in which the two phases cannot be told apart.

    Returns
    -------
        Same magnitude, phase in [-pi, pi] without offset.
    """
    if smoothing < 0:
        raise ValueError(f'smoothing must be at least 0, got {smoothing}')
    if len(echoes.echo_times) < 2:
        return echoes
    if bipolar:
        echoes = align_polarities(echoes, mask=mask)
    box = bounding_box(mask)
    growth, weight = _growth(echoes, 0, 1, mask=mask)
    te1, te2 = echoes.echo_times[:2]
    signal = torch.polar(weight, echoes.phase[0][box] - growth * (te1 / (te2 - te1)))
    offset = smooth(signal, deviation=smoothing, voxel_size=echoes.voxel_size)
    return _subtract(offset, echoes, mask=mask)


def align_polarities(echoes: MultiEcho, *, mask: Mask) -> MultiEcho:
    """Take from the even echoes the phase that an alternating readout gradient gave them.

    Its delays shift every other echo, which is a phase that is linear along the readout. What the
    second echo has beyond the line through the first and the third is fitted by a plane, whatever
    the axis of the readout, and subtracted from all even echoes. Echoes at equal distances leave
    its constant open by half turns; the smallest is taken.

    Parameters
    ----------
    echoes
        At least three.
    mask
        Where the phase is known; elsewhere it stays as it is.

    Returns
    -------
        Same magnitude, phase in [-pi, pi] as of a monopolar readout.
    """
    if len(echoes.echo_times) < 3:
        raise ValueError(
            f'a bipolar readout needs at least 3 echoes, got {len(echoes.echo_times)}'
        )
    box = bounding_box(mask)
    growth, weight = _growth(echoes, 0, 2, mask=mask)
    te1, te2, te3 = echoes.echo_times[:3]
    share = (te2 - te1) / (te3 - te1)
    excess = _wrap(echoes.phase[1][box] - echoes.phase[0][box] - growth * share)
    shift = plane(torch.polar(weight, excess))
    middle = float((shift * weight).sum() / weight.sum())
    # the growth is known up to whole turns, of which this share enters the shift
    open_turns = [middle + 2 * math.pi * share * turns for turns in (-1, 0, 1)]
    nearest = min((math.remainder(value, 2 * math.pi) for value in open_turns), key=abs)
    shift += nearest - middle
    return _subtract(shift, echoes, mask=mask, first=1, step=2)


def _growth(echoes: MultiEcho, first: int, second: int, *, mask: Mask) -> tuple[Tensor, Tensor]:
    """Unwrap the phase between two echoes; give it and its weight in the box of the mask."""
    small = crop(echoes, bounding_box(mask))
    inside = mask[bounding_box(mask)]
    weight = small.magnitude[first] * small.magnitude[second] * inside
    # the weights' unit must not decide whether float32 holds them
    weight = weight / weight.max().clamp(min=torch.finfo(weight.dtype).tiny)
    pair = dataclasses.replace(
        small,
        magnitude=weight[None].sqrt(),
        phase=_wrap(small.phase[second] - small.phase[first])[None],
        echo_times=(echoes.echo_times[second] - echoes.echo_times[first],),
    )
    return romeo(pair, mask=inside)[0], weight


def _subtract(
    shift: Tensor, echoes: MultiEcho, *, mask: Mask, first: int = 0, step: int = 1
) -> MultiEcho:
    """Take a phase, known in the box of the mask, from every ``step``-th echo."""
    box = bounding_box(mask)
    phase = echoes.phase.clone()
    for echo in phase[first::step]:
        echo[box] = torch.where(mask[box], _wrap(echo[box] - shift), echo[box])
    return dataclasses.replace(echoes, phase=phase)


def _wrap(phase: Tensor) -> Tensor:
    return torch.remainder(phase + math.pi, 2 * math.pi).sub_(math.pi)
