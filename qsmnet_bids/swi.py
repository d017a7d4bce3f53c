"""Susceptibility-weighted images: magnitude, darkened where the phase tells of veins.

E. M. Haacke et al., Magn. Reson. Med. 52:612-618, 2004, doi:10.1002/mrm.20198. The echoes' phases
are combined for least noise, as by B. Wu et al., NeuroImage 59:297-305, 2012,
doi:10.1016/j.neuroimage.2011.07.019.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.gaussian import gaussian
from qsmnet_bids.tensors import Mask, MultiEcho, Volume
from qsmnet_bids.vectors import Vector

AXES = {'x': 0, 'y': 1, 'z': 2}


@dataclass(frozen=True)
class Swi:
    """A susceptibility-weighted acquisition.

    Parameters
    ----------
    swi
        Unit of the magnitude, zero outside the mask.
    mip
        Minimum of ``swi`` over a slab around each slice, zero outside the mask.
    """

    swi: Volume
    mip: Volume


def swi(
    echoes: MultiEcho,
    *,
    mask: Mask,
    high_pass: float = 3.0,
    power: float = 4.0,
    echo_time: float = 0.0,
    projection: float = 8.0,
    slice_axis: Literal['auto', 'x', 'y', 'z'] = 'auto',
) -> Swi:
    """Multiply the magnitude by a mask of the high-passed phase.

    Each echo loses its slow phase by homodyne filtering: the phase of S conj(G * S) with a
    Gaussian G, which needs no unwrapping. The rest, phi_n, is combined into the phase that it
    amounts to at one echo time,

        phi = TE sum(m_n^2 TE_n phi_n) / sum(m_n^2 TE_n^2),

    and swi = m min(1, max(0, 1 - phi / pi))^power with m the root of the sum of m_n^2. Phase grows
    with the field here, so a vein along B0, being paramagnetic, has positive phase and is
    darkened; negative phase changes nothing.

    Parameters
    ----------
    echoes
        One echo or more.
    mask
        Where to compute; outside it the phase is left out of the Gaussian means, too.
    high_pass
        Standard deviation of the Gaussian, mm. 3 mm halve what a Hanning window over 64 x 64 of
        512 x 512 samples halves at voxels of 0.5 mm.
    power
        How often the phase mask is multiplied in.
    echo_time
        At which phi is taken, s; 0 for the last echo.
    projection
        Thickness of the slab of the minimum-intensity projection, mm, at least one slice.
    slice_axis
        Voxel axis across the slab; ``'auto'`` for the one nearest to B0, which gives axial slabs.

    Returns
    -------
        The image and its projection.
    """
    _check(echoes, high_pass, power, echo_time, projection, slice_axis)
    box = bounding_box(mask)
    inside = mask[box]
    magnitude = echoes.magnitude[(slice(None), *box)] * inside
    phase = _combined_phase(echoes, magnitude, box=box, high_pass=high_pass, echo_time=echo_time)
    weight = phase.div_(-math.pi).add_(1).clamp_(0, 1).pow_(power)
    image = magnitude.square().sum(0).sqrt_().mul_(weight)
    axis = _nearest_axis(echoes.b0_dir) if slice_axis == 'auto' else AXES[slice_axis]
    n_slices = max(1, round(projection / echoes.voxel_size[axis]))
    lowest = _sliding_minimum(image.masked_fill(~inside, math.inf), axis, n_slices)
    lowest = torch.where(inside, lowest, 0)
    return Swi(put_back(image, box, mask.shape), put_back(lowest, box, mask.shape))


METHODS: dict[str, Callable[..., Swi]] = {'swi': swi}


def _check(
    echoes: MultiEcho,
    high_pass: float,
    power: float,
    echo_time: float,
    projection: float,
    slice_axis: str,
) -> None:
    if high_pass <= 0:
        raise ValueError(f'high_pass must be positive, got {high_pass}')
    if power < 0:
        raise ValueError(f'power must be at least 0, got {power}')
    if not 0 <= echo_time <= 1:
        raise ValueError(f'echo_time must be in [0, 1] s, got {echo_time}')
    if projection < 0:
        raise ValueError(f'projection must be at least 0, got {projection}')
    if slice_axis not in ('auto', *AXES):
        raise ValueError(f"slice_axis must be 'auto', 'x', 'y' or 'z', got {slice_axis!r}")
    if len(echoes.echo_times) != len(echoes.phase):
        raise ValueError(f'{len(echoes.echo_times)} echo times for {len(echoes.phase)} echoes')


def _combined_phase(
    echoes: MultiEcho, magnitude: Tensor, *, box: Box, high_pass: float, echo_time: float
) -> Volume:
    """High-pass each echo and combine them to the phase at one echo time, rad."""
    total, power = torch.zeros_like(magnitude[0]), torch.zeros_like(magnitude[0])
    # relative to the greatest, so that no unit underflows
    maximum = magnitude.max().clamp(min=torch.finfo(magnitude.dtype).tiny)
    for echo, time in enumerate(echoes.echo_times):
        signal = torch.polar(magnitude[echo] / maximum, echoes.phase[echo][box])
        slow = gaussian(signal, deviation=high_pass, voxel_size=echoes.voxel_size)
        rest = signal.mul_(slow.conj()).angle()
        weight = (magnitude[echo] / maximum).square_().mul_(time)
        total.addcmul_(weight, rest)
        power.add_(weight, alpha=time)
    at = echo_time or echoes.echo_times[-1]
    return total.mul_(at).div_(power.clamp_(min=1e-12))


def _nearest_axis(b0_dir: Vector) -> int:
    return max(range(3), key=lambda axis: abs(b0_dir[axis]))


def _sliding_minimum(volume: Volume, axis: int, n: int) -> Volume:
    """Minimum over n neighbours along an axis, centred; windows end at the border.

    Windows of a power of two are made of two halves, and any window of two of those.
    """
    before, length = (n - 1) // 2, volume.shape[axis]
    ahead = volume.clone()
    done = 1
    while done < n:
        step = min(done, n - done)
        if step < length:
            moved = ahead.narrow(axis, step, length - step).clone()
            kept = ahead.narrow(axis, 0, length - step)
            torch.minimum(kept, moved, out=kept)
        done += step
    if before == 0:
        return ahead
    # ahead[i] looks at i to i + n - 1; a window that starts below the volume is cut there
    result = ahead.clone()
    shift = min(before, length)
    result.narrow(axis, shift, length - shift).copy_(ahead.narrow(axis, 0, length - shift))
    for i in range(shift):
        stop = min(length, i - before + n)
        result.select(axis, i).copy_(volume.narrow(axis, 0, stop).amin(dim=axis))
    return result
