"""Measures of one reconstruction that need no ground truth, for sidecars and group tables."""

import math

import torch

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import ChiMap, LocalField

PERCENTILES = (1, 5, 50, 95, 99)
MARGIN = 40.0
"""mm; three times as much changes the residual by 2 percent and takes three times as long."""


def quality_measures(chi: ChiMap, *, local: LocalField) -> dict[str, float]:
    """Measure a susceptibility map in its mask.

    Parameters
    ----------
    chi
        The map.
    local
        The field that it was made from.

    Returns
    -------
        ``mask_volume_ml``; percentiles ``chi_p01`` to ``chi_p99`` and ``chi_sd``, ppm;
        ``field_noise_ppm``, the median; ``forward_residual_ppm``, the root mean square of the
        map's field minus the local field, both without their mean (the dipole kernel leaves it
        open), and ``forward_residual_ratio``, relative to that of the local field.
    """
    mask = chi.mask
    if not bool(mask.any()):
        raise ValueError('the mask is empty')
    values = chi.chi[mask].double().sort().values
    measures = {
        f'chi_p{percent:02d}': float(values[round(percent / 100 * (len(values) - 1))])
        for percent in PERCENTILES
    }
    box = bounding_box(mask)
    field = forward_field(
        chi.chi[box], voxel_size=chi.voxel_size, b0_dir=chi.b0_dir, margin_mm=MARGIN
    )
    measured = local.field[mask].double()
    residual = _spread(field[mask[box]].double() - measured)
    signal = _spread(measured)
    return {
        'mask_volume_ml': float(mask.sum()) * math.prod(chi.voxel_size) / 1000,
        **measures,
        'chi_sd': _spread(values),
        'field_noise_ppm': float(local.noise[mask].median()),
        'forward_residual_ppm': residual,
        'forward_residual_ratio': residual / signal if signal else 0.0,
    }


def _spread(values: torch.Tensor) -> float:
    """Root mean square of what differs from the mean."""
    return float((values - values.mean()).square().mean().sqrt())
