"""Measures of the echoes and of the field fitted to them."""

import math

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.quality.masks import border_fraction, roughness
from qsmnet_bids.tensors import MultiEcho, Relaxation, TotalField

N_SAMPLES = 200_000
"""Voxels that stand for all: medians and shares are then within a percent."""
DISAGREEING = 5.0
NOISY = 3.0
"""Times what noise explains; times the median noise."""
TO_SIGMA = 1 / (0.6745 * math.sqrt(6))
"""From the median size of a second difference of Gaussian noise to its standard deviation."""


def echo_measures(
    echoes: MultiEcho, *, total: TotalField, relaxation: Relaxation | None
) -> dict[str, float | None]:
    """Measure how well the echoes agree with one another.

    Parameters
    ----------
    echoes
        The acquisition.
    total
        Field fitted to it; its mask is measured.
    relaxation
        Decay fitted to it; None for a single echo.

    Returns
    -------
        By the keys of ``reports.measures.MEASURES``; None where a single echo cannot tell.
    """
    mask = total.mask
    voxels, beyond, before = _samples(mask)
    magnitude = echoes.magnitude.flatten(1)[:, voxels]
    sigma = _noise(echoes.magnitude[0], voxels, beyond, before)
    noise = total.noise.flatten()[voxels]
    steps = _steps(echoes, total, voxels, beyond)
    measures: dict[str, float | None] = {
        'mask_roughness': roughness(mask, voxel_size=total.voxel_size),
        'mask_border_fraction': border_fraction(mask),
        'snr': float(magnitude[0].median()) / sigma if sigma else None,
        **steps,
        'low_quality_fraction': float((noise > NOISY * noise.median()).float().mean()),
    }
    if relaxation is None or len(echoes.echo_times) < 3:
        return measures | dict.fromkeys(
            ('r2star_median', 'r2star_misfit', 'echo_misfit_rad', 'echo_misfit_fraction')
        )
    return (
        measures
        | _decay(magnitude, relaxation, echoes.echo_times, voxels)
        | _agreement(echoes, total, voxels, magnitude, sigma)
    )


def _samples(mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Choose voxels of the mask, with their neighbours on both sides along y in it too."""
    inner = torch.zeros_like(mask)
    inner[:, 1:-1] = mask[:, 1:-1] & mask[:, 2:] & mask[:, :-2]
    chosen = inner if bool(torch.count_nonzero(inner)) else mask
    found = np.flatnonzero(chosen.numpy(force=True))
    voxels = torch.from_numpy(found[:: max(len(found) // N_SAMPLES, 1)].copy()).to(mask.device)
    stride = mask.shape[2]
    last = mask.numel() - 1
    return voxels, (voxels + stride).clamp(max=last), (voxels - stride).clamp(min=0)


def _noise(magnitude: Tensor, voxels: Tensor, beyond: Tensor, before: Tensor) -> float:
    """Estimate the noise of the magnitude from second differences."""
    values = magnitude.flatten()
    difference = values[beyond] - 2 * values[voxels] + values[before]
    return float(difference.abs().median()) * TO_SIGMA


def _steps(
    echoes: MultiEcho, total: TotalField, voxels: Tensor, beyond: Tensor
) -> dict[str, float]:
    """Compare neighbours: the stored phase, and the turns that the field stands for."""
    phase, field = echoes.phase[-1].flatten(), total.field.flatten()
    jump = (phase[beyond] - phase[voxels]).abs() > math.pi
    turns = (field[beyond] - field[voxels]) * hz_per_ppm(echoes.b0) * echoes.echo_times[-1]
    return {
        'wrap_fraction': float(jump.float().mean()),
        'steep_fraction': float((turns.abs() > 0.5).float().mean()),
    }


def _decay(
    magnitude: Tensor, relaxation: Relaxation, echo_times: tuple[float, ...], voxels: Tensor
) -> dict[str, float]:
    rate, start = relaxation.r2star.flatten()[voxels], relaxation.s0.flatten()[voxels]
    times = torch.tensor(echo_times, device=magnitude.device).view(-1, 1)
    misfit = (magnitude - start * torch.exp(-times * rate)).square().mean(0).sqrt()
    relative = misfit / magnitude[0].clamp(min=torch.finfo(misfit.dtype).tiny)
    return {'r2star_median': float(rate.median()), 'r2star_misfit': float(relative.median())}


def _agreement(
    echoes: MultiEcho, total: TotalField, voxels: Tensor, magnitude: Tensor, sigma: float
) -> dict[str, float]:
    """Compare the phase with one field and one offset in each voxel."""
    times = torch.tensor(echoes.echo_times, device=magnitude.device).view(-1, 1)
    rate = 2 * math.pi * hz_per_ppm(echoes.b0) * total.field.flatten()[voxels]
    weight = magnitude.square()
    turned = torch.polar(weight, echoes.phase.flatten(1)[:, voxels] - rate * times)
    rest = torch.angle(turned * torch.exp(-1j * torch.angle(turned.sum(0))))
    energy = (weight * rest.square()).sum(0)
    misfit = (energy / weight.sum(0).clamp(min=torch.finfo(energy.dtype).tiny)).sqrt()
    explained = (len(echoes.echo_times) - 2) * sigma**2
    return {
        'echo_misfit_rad': float(misfit.median()),
        'echo_misfit_fraction': float((energy > DISAGREEING**2 * explained).float().mean()),
    }
