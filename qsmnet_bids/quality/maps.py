"""Measures of one susceptibility map that need no ground truth."""

import math

import torch
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.dipole import dipole_kernel, forward_field
from qsmnet_bids.quality.coarse import asymmetry, coarsen, harmonic_share
from qsmnet_bids.tensors import ChiMap, LocalField, Volume

PERCENTILES = (1, 5, 50, 95, 99)
MARGIN = 40.0
"""mm; three times as much changes the residual by 2 percent and takes three times as long."""
CONE = 0.1
"""Of the dipole kernel: below it lie the streaks, between it and twice as much what surrounds."""
FLUID = (0.0, 0.35)
WHITE_MATTER = (1.05, 1.35)
"""R2* relative to its median over the mask."""
N_FOR_MODE = 500


def quality_measures(chi: ChiMap, *, local: LocalField) -> dict[str, float | None]:
    """Measure a susceptibility map in its mask.

    Parameters
    ----------
    chi
        The map.
    local
        The field that it was made from.

    Returns
    -------
        By the keys of ``reports.measures.MEASURES``, in ppm, ml or as ratios. The residual is
        the map's field minus the local field, both without their mean (the dipole kernel leaves
        it open). None where a measure cannot be told, as the modes without R2*.
    """
    mask = chi.mask
    if not bool(mask.any()):
        raise ValueError('the mask is empty')
    box = bounding_box(mask)
    values = chi.chi[mask]
    grid = {'voxel_size': chi.voxel_size}
    coarse_chi, coarse_mask = coarsen(chi.chi[box], mask[box], **grid)
    coarse_field, _ = coarsen(local.field[box], mask[box], **grid)
    return {
        'mask_volume_ml': float(mask.sum()) * math.prod(chi.voxel_size) / 1000,
        **_distribution(values),
        'field_noise_ppm': float(local.noise[mask].median()),
        **_residual(chi, local),
        'background_left': harmonic_share(coarse_field, coarse_mask),
        'streaking': _streaking(chi),
        'chi_asymmetry': asymmetry(coarse_chi, coarse_mask),
        **_modes(values, local.r2star[mask] if local.r2star is not None else None),
    }


def _distribution(values: Tensor) -> dict[str, float]:
    ordered = values.sort().values
    measures = {
        f'chi_p{percent:02d}': float(ordered[round(percent / 100 * (len(values) - 1))])
        for percent in PERCENTILES
    }
    return measures | {'chi_sd': _spread(values)}


def _residual(chi: ChiMap, local: LocalField) -> dict[str, float]:
    mask, box = chi.mask, bounding_box(chi.mask)
    field = forward_field(
        chi.chi[box], voxel_size=chi.voxel_size, b0_dir=chi.b0_dir, margin_mm=MARGIN
    )
    measured, noise = local.field[mask], local.noise[mask]
    residual = field[mask[box]] - measured
    size, signal = _spread(residual), _spread(measured)
    relative = (residual - residual.mean()).abs()
    middle = float(relative.median())
    rank = max(round(0.999 * len(relative)), 1)
    tail = float(relative.kthvalue(rank).values)
    known = noise > 0
    return {
        'forward_residual_ppm': size,
        'forward_residual_ratio': size / signal if signal else 0.0,
        'forward_residual_noise': float((relative[known] / noise[known]).median())
        if bool(known.any())
        else 0.0,
        'forward_residual_tail': tail / middle if middle else 0.0,
    }


def _streaking(chi: ChiMap) -> float | None:
    """Compare the energy near the cone where the field says nothing with what surrounds it."""
    values = _centred(chi)
    transform = torch.fft.rfftn(values)
    energy = transform.real.square() + transform.imag.square()
    shape = (values.shape[0], values.shape[1], values.shape[2])
    kernel = dipole_kernel(
        shape, chi.voxel_size, chi.b0_dir, device=values.device, dtype=values.dtype
    ).abs()
    kernel[0, 0, 0] = 1
    near, around = kernel < CONE, (kernel >= CONE) & (kernel < 2 * CONE)
    surroundings = float(energy[around].mean()) if bool(around.any()) else 0.0
    return float(energy[near].mean()) / surroundings if surroundings else None


def _centred(chi: ChiMap) -> Volume:
    """Subtract the mean, or the mask's own shape would weigh more than the map."""
    box = bounding_box(chi.mask)
    mean = chi.chi[chi.mask].mean()
    return torch.where(chi.mask[box], chi.chi[box] - mean, 0)


def _modes(values: Tensor, r2star: Tensor | None) -> dict[str, float | None]:
    """Give the most frequent susceptibility where R2* is that of fluid and of white matter."""
    found: dict[str, float | None] = {'chi_csf_mode': None, 'chi_wm_mode': None}
    if r2star is None:
        return found
    middle = float(r2star.median())
    for key, (low, high) in (('chi_csf_mode', FLUID), ('chi_wm_mode', WHITE_MATTER)):
        chosen = values[(r2star > low * middle) & (r2star < high * middle)]
        if len(chosen) >= N_FOR_MODE:
            found[key] = _mode(chosen)
    return found


def _mode(values: Tensor) -> float:
    """Halve the range around the densest half until few values are left."""
    ordered = values.sort().values
    while len(ordered) > N_FOR_MODE // 4:
        half = len(ordered) // 2
        start = int((ordered[half:] - ordered[: len(ordered) - half]).argmin())
        ordered = ordered[start : start + half]
    return float(ordered.mean())


def _spread(values: Tensor) -> float:
    """Root mean square of what differs from the mean."""
    return float((values - values.mean()).square().mean(dtype=torch.float64).sqrt())
