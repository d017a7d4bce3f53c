"""A straight line through the phase of all echoes, with an offset of its own in each voxel.

S. D. Robinson et al., NMR Biomed. 30:e3601, 2017, doi:10.1002/nbm.3601, weigh it against others.
"""

from collections.abc import Mapping

import torch

from qsmnet_bids.fieldmap.noise import signal_noise
from qsmnet_bids.fieldmap.phase_offset import align_polarities, mcpc3ds
from qsmnet_bids.fieldmap.phases import check, relative_magnitude, total_field, unwrap
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.unwrapping.temporal import crop


@kept_blocks()
def linear_fit(
    echoes: MultiEcho,
    *,
    mask: Mask,
    unwrapping: Unwrapping = 'best_path',
    unwrapping_parameters: Mapping[str, bool | int | float | str] | None = None,
    offset_removal: bool = True,
    offset_smoothing: float = 6.0,
    bipolar: bool = False,
) -> TotalField:
    """Fit offset and slope of the unwrapped phase with the weights magnitude^2.

    With T the mean echo time by these weights, m the magnitudes and s the standard deviation of
    the noise in the complex signal,

        slope = sum m^2 (TE - T) phase / sum m^2 (TE - T)^2
        noise = s / (2 pi f sqrt(sum m^2 (TE - T)^2)),    f in Hz per ppm.

    The offset of each voxel may be anything, at the price of more noise than that of a line
    through zero.

    Parameters
    ----------
    echoes
        At least two.
    mask
        Where the field is wanted; at least one voxel.
    unwrapping
        Method for the phase of all echoes.
    unwrapping_parameters
        Its hyper-parameters, where they differ from the defaults.
    offset_removal
        Whether the smooth part of the offset is subtracted before the echoes are unwrapped; it
        helps to find the turns of the later ones and has no other influence.
    offset_smoothing
        Standard deviation of the Gaussian that smooths that part, mm.
    bipolar
        Whether the readout gradient alternates: then the even echoes are aligned with the odd
        ones first.

    Returns
    -------
        Field with its constant part; field and noise are zero outside the mask.
    """
    if len(echoes.echo_times) < 2:
        raise ValueError(f'linear_fit needs at least 2 echoes, got {len(echoes.echo_times)}')
    check(unwrapping)
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]
    if bipolar:
        small = align_polarities(small, mask=inside)
    if offset_removal:
        small = mcpc3ds(small, mask=inside, smoothing=offset_smoothing)
    phase = unwrap(small, mask=inside, method=unwrapping, parameters=unwrapping_parameters)
    magnitude = relative_magnitude(small, mask=inside)
    weights = magnitude.square()
    times = torch.tensor(echoes.echo_times, device=phase.device).view(-1, 1, 1, 1)
    total = weights.sum(0)
    times = times - (weights * times).sum(0) / total
    power = (weights * times.square()).sum(0)
    rate = (weights * times * phase).sum(0) / power
    residual = phase - (weights * phase).sum(0) / total - rate * times
    noise = signal_noise(residual, magnitude=magnitude, mask=inside, n_fitted=2)
    return total_field(
        rate, noise / power.sqrt(), echoes=echoes, mask=mask, box=box, unwrapped=phase[-1]
    )
