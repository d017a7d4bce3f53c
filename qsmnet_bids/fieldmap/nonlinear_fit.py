"""The field under which a complex signal turns, fitted to all echoes without unwrapping them.

T. Liu et al., Magn. Reson. Med. 69:467-476, 2013, doi:10.1002/mrm.24272.
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from qsmnet_bids.fieldmap.complex_fit import fit, growth, pairs_by_gap, refine
from qsmnet_bids.fieldmap.noise import signal_noise
from qsmnet_bids.fieldmap.phase_offset import align_polarities
from qsmnet_bids.fieldmap.phases import check, relative_magnitude, total_field, unwrap
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.unwrapping.temporal import TURN, crop


def nonlinear_fit(
    echoes: MultiEcho,
    *,
    mask: Mask,
    unwrapping: Unwrapping = 'best_path',
    unwrapping_parameters: Mapping[str, bool | int | float | str] | None = None,
    bipolar: bool = False,
    max_iterations: int = 30,
    tolerance: float = 1e-4,
) -> TotalField:
    """Minimise sum |S(TE) - |S(TE)| exp(i (offset + 2 pi f field TE))|^2 in each voxel.

    The start is the phase that grows over the shortest gap between echoes, which alone is
    unwrapped in space; longer gaps then refine it. Gauss-Newton steps have a fixed matrix. With
    the residual phases r, magnitudes m, their mean echo time T weighted by m^2, and the standard
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
    max_iterations
        At most so many steps.
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
    check(unwrapping)
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]
    if bipolar:
        small = align_polarities(small, mask=inside)
    magnitude = relative_magnitude(small, mask=inside)
    signal = torch.polar(magnitude, small.phase)[:, inside]
    gap, pairs = next(iter(pairs_by_gap(echoes.echo_times).items()))
    grown = growth(signal, pairs)
    pair = dataclasses.replace(
        small,
        magnitude=_fill(grown.abs().sqrt()[None], inside),
        phase=_fill(grown.angle()[None], inside),
        echo_times=(gap,),
    )
    smooth = unwrap(pair, mask=inside, method=unwrapping, parameters=unwrapping_parameters)
    unwrapped = smooth[0]
    smooth = unwrapped[inside]
    turns = torch.round((smooth - grown.angle()) / TURN)
    start = (grown.angle() + TURN * turns) / gap
    result = fit(
        signal,
        echoes.echo_times,
        refine(signal, echoes.echo_times, start),
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    residual = _fill(result.residual, inside)
    noise = signal_noise(residual, magnitude=magnitude, mask=inside, n_fitted=2)
    # a Laplacian's solution is not the start: what it lacks, the field lacks
    rate = result.rate + (smooth / gap - start)
    return total_field(
        _fill(rate[None], inside)[0],
        _fill(noise / result.sensitivity[None], inside)[0],
        echoes=echoes,
        mask=mask,
        box=box,
        unwrapped=unwrapped,
        convergence=result.convergence,
    )


def _fill(values: Tensor, mask: Mask) -> Echoes:
    """Put what is known in the mask into volumes."""
    volumes = values.new_zeros((len(values), *mask.shape))
    volumes[:, mask] = values
    return volumes
