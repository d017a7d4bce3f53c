"""Measures of one susceptibility map that need no ground truth."""

import math

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box, put_back
from qsmnet_bids.physics.dipole import dipole_kernel, forward_field
from qsmnet_bids.physics.selection import select
from qsmnet_bids.quality.coarse import asymmetry, coarsen, harmonic_share
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, Volume

PERCENTILES = (1, 5, 50, 95, 99)
MARGIN = 40.0
"""mm; three times as much changes the residual by 2 percent and takes three times as long."""
CONE = 0.1
"""Of the dipole kernel: below it lie the streaks, between it and twice as much what surrounds."""
FLUID = (0.0, 0.35)
WHITE_MATTER = (1.05, 1.35)
"""R2* relative to its median over the mask."""
N_FOR_MODE = 500
UNCERTAIN = 0.03
"""ppm; about the contrast between grey and white matter."""


def quality_measures(
    chi: ChiMap, *, local: LocalField, residual: Volume | None = None
) -> dict[str, float | None]:
    """Measure a susceptibility map in its mask.

    Parameters
    ----------
    chi
        The map.
    local
        The field that it was made from.
    residual
        As ``forward_residual`` gives it, where that is known already.

    Returns
    -------
        By the keys of ``reports.measures.MEASURES``, in ppm, ml or as ratios. The residual is
        the map's field minus the local field, both without their mean (the dipole kernel leaves
        it open). None where a measure cannot be told, as the modes without R2*.
    """
    mask = chi.mask
    box = bounding_box(mask)
    values = _sorted(chi.chi, mask)
    if residual is None:
        residual = forward_residual(chi, local=local)
    grid = {'voxel_size': chi.voxel_size}
    coarse_chi, coarse_mask = coarsen(chi.chi[box], mask[box], **grid)
    coarse_field, _ = coarsen(local.field[box], mask[box], **grid)
    return {
        'mask_volume_ml': len(values) * math.prod(chi.voxel_size) / 1000,
        **_distribution(values),
        'field_noise_ppm': float(np.median(_values(local.noise, mask))),
        **_residual(_values(residual, mask), local=local, mask=mask),
        'background_left': harmonic_share(coarse_field, coarse_mask),
        'streaking': _streaking(chi),
        'chi_asymmetry': asymmetry(coarse_chi, coarse_mask),
        **_modes(chi, local),
    }


def forward_residual(chi: ChiMap, *, local: LocalField) -> Volume:
    """Subtract the local field from the field of a map.

    Parameters
    ----------
    chi
        The map as it was inverted; a constant that is taken off within the mask for a reference
        has a field of its own.
    local
        The field that it was made from.

    Returns
    -------
        ppm, without its mean, which the dipole kernel leaves open; zero outside the mask of the
        map.
    """
    mask, box = chi.mask, bounding_box(chi.mask)
    field = forward_field(
        chi.chi[box], voxel_size=chi.voxel_size, b0_dir=chi.b0_dir, margin_mm=MARGIN
    )
    residual = field - local.field[box]
    mean = float(_values(residual, mask[box]).mean(dtype=np.float64))
    return put_back((residual - mean).mul_(mask[box]), box, mask.shape)


def uncertainty_measures(deviation: Volume, *, mask: Mask) -> dict[str, float]:
    """Measure the uncertainty of a map in its mask.

    Parameters
    ----------
    deviation
        Standard deviation of the susceptibility, ppm.
    mask
        Of the map.

    Returns
    -------
        By the keys of ``reports.measures.MEASURES``.
    """
    values = _values(deviation, mask)
    return {
        'uncertainty_ppm': float(np.median(values)),
        'uncertain_fraction': float((values > UNCERTAIN).mean()),
    }


def _distribution(ordered: np.ndarray) -> dict[str, float]:
    measures = {
        f'chi_p{percent:02d}': float(ordered[round(percent / 100 * (len(ordered) - 1))])
        for percent in PERCENTILES
    }
    return measures | {'chi_sd': _spread(ordered)}


def _residual(residual: np.ndarray, *, local: LocalField, mask: Mask) -> dict[str, float]:
    measured, noise = _values(local.field, mask), _values(local.noise, mask)
    size, signal = _spread(residual), _spread(measured)
    relative = np.abs(residual - residual.mean(dtype=np.float64, keepdims=True))
    rank = max(round(0.999 * len(relative)), 1) - 1
    ordered = np.partition(relative, [len(relative) // 2, rank])
    middle, tail = float(ordered[len(relative) // 2]), float(ordered[rank])
    known = noise > 0
    return {
        'forward_residual_ppm': size,
        'forward_residual_ratio': size / signal if signal else 0.0,
        'forward_residual_noise': float(np.median(relative[known] / noise[known]))
        if known.any()
        else 0.0,
        'forward_residual_tail': tail / middle if middle else 0.0,
    }


def _streaking(chi: ChiMap) -> float | None:
    """Compare the energy near the cone where the field says nothing with what surrounds it."""
    values = _centred(chi)
    transform = torch.fft.rfftn(values)
    energy = torch.view_as_real(transform).square().sum(-1)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    kernel = dipole_kernel(
        shape, chi.voxel_size, chi.b0_dir, device=values.device, dtype=values.dtype
    ).abs()
    kernel[0, 0, 0] = 1
    near, around = kernel < CONE, (kernel >= CONE) & (kernel < 2 * CONE)
    surroundings = _mean(energy, around)
    return _mean(energy, near) / surroundings if surroundings else None


def _mean(energy: Tensor, where: Tensor) -> float:
    """Average over a part of k-space; 0 where there is none."""
    n = int(torch.count_nonzero(where))
    return float((energy * where).sum(dtype=torch.float64)) / n if n else 0.0


def _centred(chi: ChiMap) -> Volume:
    """Subtract the mean, or the mask's own shape would weigh more than the map."""
    box = bounding_box(chi.mask)
    mean = float(_values(chi.chi, chi.mask).mean(dtype=np.float64))
    return (chi.chi[box] - mean).mul_(chi.mask[box])


def _modes(chi: ChiMap, local: LocalField) -> dict[str, float | None]:
    """Give the most frequent susceptibility where R2* is that of fluid and of white matter."""
    found: dict[str, float | None] = {'chi_csf_mode': None, 'chi_wm_mode': None}
    if local.r2star is None:
        return found
    values, r2star = _values(chi.chi, chi.mask), _values(local.r2star, chi.mask)
    middle = float(np.median(r2star))
    for key, (low, high) in (('chi_csf_mode', FLUID), ('chi_wm_mode', WHITE_MATTER)):
        chosen = values[(r2star > low * middle) & (r2star < high * middle)]
        if len(chosen) >= N_FOR_MODE:
            found[key] = _mode(np.sort(chosen))
    return found


def _mode(ordered: np.ndarray) -> float:
    """Halve the range around the densest half until few values are left."""
    while len(ordered) > N_FOR_MODE // 4:
        half = len(ordered) // 2
        start = int((ordered[half:] - ordered[: len(ordered) - half]).argmin())
        ordered = ordered[start : start + half]
    return float(ordered.mean())


def _values(volume: Volume, mask: Mask) -> np.ndarray:
    """Take a mask's voxels to NumPy, which sorts ten times as fast as PyTorch."""
    return select(volume, mask).numpy(force=True)


def _sorted(volume: Volume, mask: Mask) -> np.ndarray:
    values = _values(volume, mask)
    values.sort()
    return values


def _spread(values: np.ndarray) -> float:
    """Root mean square of what differs from the mean."""
    return float(values.std(dtype=np.float64))
