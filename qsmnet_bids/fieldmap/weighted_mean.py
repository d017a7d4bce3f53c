"""Mean of the echoes' fields, weighted for least noise.

B. Wu et al., NeuroImage 59:297-305, 2012, doi:10.1016/j.neuroimage.2011.07.019.
"""

import math
from collections.abc import Mapping

import torch
from scipy import special
from torch import Tensor

from qsmnet_bids.fieldmap.phase_offset import mcpc3ds
from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, TotalField, Volume
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS
from qsmnet_bids.unwrapping import Unwrapping
from qsmnet_bids.unwrapping.temporal import crop

FAINTEST = 1e-3
"""Least magnitude that counts, relative to the greatest: voxels without signal (noise would be
infinite) get a weight that is tiny but the same for all echoes."""


def weighted_mean(
    echoes: MultiEcho,
    *,
    mask: Mask,
    unwrapping: Unwrapping = 'best_path',
    unwrapping_parameters: Mapping[str, bool | int | float | str] | None = None,
    offset_removal: bool = True,
    offset_smoothing: float = 6.0,
) -> TotalField:
    """Unwrap each echo and average phase / TE with the weights magnitude^2 TE^2.

    With s the standard deviation of the noise in the complex signal, the phase of an echo of
    magnitude m has s / m, so the mean field has

        noise = s / (2 pi f sqrt(sum m^2 TE^2)),    f in Hz per ppm,

    and s^2 is the median over the mask of sum (m (phase - 2 pi f field TE))^2, divided by the
    median of the chi-squared distribution with n - 1 degrees of freedom. A single echo leaves no
    residual; there s comes from mixed second differences of the magnitude.

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

    Returns
    -------
        Field with its constant part, as measured up to whole turns of the first echo; field and
        noise are zero outside the mask.
    """
    if unwrapping not in UNWRAPPINGS:
        raise ValueError(f'unwrapping must be one of {sorted(UNWRAPPINGS)}, got {unwrapping!r}')
    box = bounding_box(mask)
    inside = mask[box]
    cropped = crop(echoes, box)
    if offset_removal:
        cropped = mcpc3ds(cropped, mask=inside, smoothing=offset_smoothing)
    unwrap = UNWRAPPINGS[unwrapping]
    phase = unwrap(cropped, mask=inside, **(unwrapping_parameters or {}))
    times = torch.tensor(echoes.echo_times, device=phase.device).view(-1, 1, 1, 1)
    magnitude = cropped.magnitude * inside
    magnitude = magnitude.clamp(min=max(float(magnitude.max()) * FAINTEST, 1e-30))
    # rad per s; a mean of phase / TE with the weights m^2 TE^2
    power = (magnitude * times).square().sum(0)
    rate = (magnitude.square() * times * phase).sum(0) / power
    deviation = _noise_level(phase - rate * times, magnitude, inside)
    per_ppm = 2 * math.pi * hz_per_ppm(echoes.b0)
    return TotalField(
        put_back(rate / per_ppm * inside, box, mask.shape),
        put_back(deviation / (per_ppm * power.sqrt()) * inside, box, mask.shape),
        mask.clone(),
        echoes.voxel_size,
        echoes.b0_dir,
    )


def _noise_level(residual: Echoes, magnitude: Echoes, mask: Mask) -> Tensor:
    """Estimate the standard deviation of the real part of the signal's noise."""
    if len(residual) == 1:
        return _magnitude_noise(magnitude[0], mask)
    squares = (magnitude * residual).square().sum(0)[mask]
    return torch.sqrt(torch.median(squares) / _chi_squared_median(len(residual) - 1))


def _magnitude_noise(magnitude: Volume, mask: Mask) -> Tensor:
    """Take second differences along all three axes in turn: anatomy largely cancels, noise adds.

    Each second difference multiplies the variance of white noise by 6.
    """
    difference, inside = magnitude, mask
    scale = 1.0
    for axis in range(3):
        if difference.shape[axis] < 3:
            continue
        n = mask.shape[axis] - 2
        parts = [inside.narrow(axis, start, n) for start in range(3)]
        inside = parts[0] & parts[1] & parts[2]
        difference = torch.diff(difference, n=2, dim=axis)
        scale *= math.sqrt(6)
    if not bool(inside.any()):
        raise ValueError('the mask is too thin to estimate the noise of a single echo')
    # 0.6745: the median of |x| for a normal x of standard deviation 1
    return torch.median(difference[inside].abs()) / (0.6745 * scale)


def _chi_squared_median(degrees: int) -> float:
    return 2 * float(special.gammaincinv(degrees / 2, 0.5))
