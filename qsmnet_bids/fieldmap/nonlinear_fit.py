"""The field under which a complex signal turns, fitted to all echoes without unwrapping them.

T. Liu et al., Magn. Reson. Med. 69:467-476, 2013, doi:10.1002/mrm.24272.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor

from qsmnet_bids.fieldmap.complex_fit import (
    EVEN,
    Signal,
    Values,
    fit,
    growth,
    pairs_by_gap,
    refine,
)
from qsmnet_bids.fieldmap.noise import above_noise, signal_noise
from qsmnet_bids.fieldmap.phase_offset import align_polarities
from qsmnet_bids.fieldmap.phases import check, relative_magnitude, total_field, unwrap
from qsmnet_bids.fieldmap.time_zero import echo_at_zero
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.unwrapping.temporal import TURN, crop

SURE = 2.0
"""Inverse standard deviation of the smooth offset, 1/rad, at which it may decide upon turns."""


@dataclass(frozen=True)
class _Start:
    """Growth of the phase over the shortest gap, whose turns are known from its neighbours.

    ``gap`` in s; ``rate`` in rad/s; ``smooth`` is the same but for what a Laplacian lacks.
    """

    gap: float
    rate: Values
    smooth: Values

    def where(self, chosen: Bool[Tensor, ' voxel'], other: '_Start') -> '_Start':
        """Take another one's rates where this one is not chosen."""
        rate = torch.where(chosen, self.rate, other.rate)
        return _Start(self.gap, rate, torch.where(chosen, self.smooth, other.smooth))


@kept_blocks()
def nonlinear_fit(
    echoes: MultiEcho,
    *,
    mask: Mask,
    unwrapping: Unwrapping = 'best_path',
    unwrapping_parameters: Mapping[str, bool | int | float | str] | None = None,
    bipolar: bool = False,
    offset_smoothing: float = 6.0,
    max_iterations: int = 30,
    tolerance: float = 1e-4,
) -> TotalField:
    """Minimise sum |S(TE) - |S(TE)| exp(i (offset + 2 pi f field TE))|^2 in each voxel.

    The start is the phase that grows over the shortest gap between echoes, which alone is
    unwrapped in space; longer gaps then refine it. Gauss-Newton steps have a fixed matrix.

    No voxel can tell by itself that its start was off by a turn, nor its field if a single echo is
    above the noise. So the offsets that a first fit finds are smoothed, and join a second one as
    an echo at time zero, five times as uncertain as they look: it decides only what the echoes
    leave open. Echoes below four standard deviations of the noise do not count there. With the
    residual phases r, magnitudes m, their mean echo time T weighted by m^2, and the standard
    deviation s of the noise in the complex signal,

        noise = s / (2 pi f c sqrt(sum m^2 (TE - T)^2)),    f in Hz per ppm,
        c = sum m^2 (TE - T)^2 cos(r) / sum m^2 (TE - T)^2.

    Parameters
    ----------
    echoes
        At least two. With a Laplacian that is not exact they should have equal distances.
    mask
        Where the field is wanted; at least one voxel.
    unwrapping
        Method for the phase that grows over the shortest gap.
    unwrapping_parameters
        Its hyper-parameters, where they differ from the defaults.
    bipolar
        Whether the readout gradient alternates: then the even echoes are aligned with the odd
        ones first.
    offset_smoothing
        Standard deviation of the Gaussian that smooths the offsets, mm; with 0 they tell nothing
        about each other.
    max_iterations
        At most so many steps, in either fit.
    tolerance
        Of the gradient of the cost, relative to the greatest that the magnitudes allow, both as
        root mean squares over the mask.

    Returns
    -------
        Field with its constant part, as measured up to whole turns of the shortest gap; field and
        noise are zero outside the mask.
    """
    if len(echoes.echo_times) < 2:
        raise ValueError(f'nonlinear_fit needs at least 2 echoes, got {len(echoes.echo_times)}')
    if max_iterations < 1:
        raise ValueError(f'max_iterations must be at least 1, got {max_iterations}')
    if tolerance < 0:
        raise ValueError(f'tolerance must be at least 0, got {tolerance}')
    if offset_smoothing < 0:
        raise ValueError(f'offset_smoothing must be at least 0, got {offset_smoothing}')
    check(unwrapping)
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]
    if bipolar:
        small = align_polarities(small, mask=inside)
    magnitude = relative_magnitude(small, mask=inside)
    signal = torch.polar(magnitude, small.phase)[:, inside]
    spatial = partial(unwrap, mask=inside, method=unwrapping, parameters=unwrapping_parameters)
    solve = partial(fit, max_iterations=max_iterations, tolerance=tolerance)
    start = _start(signal, small, inside, spatial)
    first = solve(signal, small.echo_times, refine(signal, small.echo_times, start.rate))
    residual = _fill(first.residual, inside)
    noise = signal_noise(residual, magnitude=magnitude, mask=inside, n_fitted=2)
    signal, rate = above_noise(signal, noise), first.rate
    if offset_smoothing:
        zero = echo_at_zero(
            first.offset, mask=inside, smoothing=offset_smoothing, voxel_size=small.voxel_size
        )
        signal = torch.cat(((noise * zero)[None], signal))
        small = dataclasses.replace(small, echo_times=(0.0, *small.echo_times))
        sure = zero.abs() > SURE
        if bool(sure.any()) and small.echo_times[1] <= start.gap * (1 + EVEN):
            start = _start(signal, small, inside, spatial).where(sure, start)
        rate = torch.where(sure, refine(signal, small.echo_times, start.rate), rate)
    result = solve(signal, small.echo_times, rate)
    # a Laplacian's solution is not the start: what it lacks, the field lacks
    found = result.rate + (start.smooth - start.rate)
    return total_field(
        _fill(found[None], inside)[0],
        _fill(noise / result.sensitivity[None], inside)[0],
        echoes=echoes,
        mask=mask,
        box=box,
        unwrapped=_fill(start.smooth[None] * start.gap, inside)[0],
        convergence=result.convergence,
    )


def _start(
    signal: Signal, echoes: MultiEcho, mask: Mask, spatial: Callable[[MultiEcho], Echoes]
) -> _Start:
    gap, pairs = next(iter(pairs_by_gap(echoes.echo_times).items()))
    grown = growth(signal, pairs)
    pair = dataclasses.replace(
        echoes,
        magnitude=_fill(grown.abs().sqrt()[None], mask),
        phase=_fill(grown.angle()[None], mask),
        echo_times=(gap,),
    )
    smooth = spatial(pair)[0][mask]
    turns = torch.round((smooth - grown.angle()) / TURN)
    return _Start(gap, (grown.angle() + TURN * turns) / gap, smooth / gap)


def _fill(values: Tensor, mask: Mask) -> Echoes:
    """Put what is known in the mask into volumes."""
    volumes = values.new_zeros((len(values), *mask.shape))
    volumes[:, mask] = values
    return volumes
