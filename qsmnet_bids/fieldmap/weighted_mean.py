"""Mean of the echoes' fields, weighted for least noise.

B. Wu et al., NeuroImage 59:297-305, 2012, doi:10.1016/j.neuroimage.2011.07.019.
"""

from collections.abc import Mapping

import torch

from qsmnet_bids.fieldmap.noise import signal_noise
from qsmnet_bids.fieldmap.phase_offset import mcpc3ds
from qsmnet_bids.fieldmap.phases import check, relative_magnitude, total_field, unwrap
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.unwrapping.temporal import crop


@kept_blocks()
def weighted_mean(
    echoes: MultiEcho,
    *,
    mask: Mask,
    unwrapping: Unwrapping = 'best_path',
    unwrapping_parameters: Mapping[str, bool | int | float | str] | None = None,
    offset_removal: bool = True,
    offset_smoothing: float = 6.0,
    bipolar: bool = False,
) -> TotalField:
    """Unwrap each echo and average phase / TE with the weights magnitude^2 TE^2.

    With s the standard deviation of the noise in the complex signal, the phase of an echo of
    magnitude m has s / m, so the mean field has

        noise = s / (2 pi f sqrt(sum m^2 TE^2)),    f in Hz per ppm.

    Parameters
    ----------
    echoes
        One echo or more.
    mask
        Where the field is wanted; at least one voxel.
    unwrapping
        Method for the phase of all echoes.
    unwrapping_parameters
        Its hyper-parameters, where they differ from the defaults.
    offset_removal
        Whether the phase at time zero is estimated and subtracted first (not for a single echo).
    offset_smoothing
        Standard deviation of the Gaussian that smooths that phase, mm.
    bipolar
        Whether the readout gradient alternates, which the removal of the offset then mends.

    Returns
    -------
        Field with its constant part, as measured up to whole turns of the first echo; field and
        noise are zero outside the mask.
    """
    check(unwrapping)
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]
    if offset_removal:
        small = mcpc3ds(small, mask=inside, smoothing=offset_smoothing, bipolar=bipolar)
    phase = unwrap(small, mask=inside, method=unwrapping, parameters=unwrapping_parameters)
    times = torch.tensor(echoes.echo_times, device=phase.device).view(-1, 1, 1, 1)
    magnitude = relative_magnitude(small, mask=inside)
    # rad per s; a mean of phase / TE with the weights m^2 TE^2
    power = (magnitude * times).square().sum(0)
    rate = (magnitude.square() * times * phase).sum(0) / power
    residual = phase - rate * times
    noise = signal_noise(residual, magnitude=magnitude, mask=inside, n_fitted=1)
    return total_field(
        rate, noise / power.sqrt(), echoes=echoes, mask=mask, box=box, unwrapped=phase[-1]
    )
