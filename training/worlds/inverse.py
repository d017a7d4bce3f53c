"""The closed-form inversion of whole periodic worlds, which becomes a channel of their crops."""

import torch
from torch import Tensor

ALPHA = 0.02
"""Least penalty of susceptibility, without unit."""


def closed_form_inverse(field: Tensor, noise: Tensor, mask: Tensor, kernels: Tensor) -> Tensor:
    """Invert by Tikhonov's D / (D^2 + alpha), where alpha grows with noise over field, squared.

    Parameters
    ----------
    field, noise
        ppm, zero outside the mask, shape ``(world, x, y, z)``.
    mask
        1 or 0.
    kernels
        Of the periodic worlds, shape ``(world, x, y, z // 2 + 1)``.

    Returns
    -------
        ppm, zero outside the mask, shape ``(world, 1, x, y, z)``.
    """
    dims = (1, 2, 3)
    power = field.square().sum(dims, keepdim=True).clamp(min=1e-18)
    alpha = ALPHA + 0.2 * noise.square().sum(dims, keepdim=True) / power
    spectrum = torch.fft.rfftn(field, dim=dims)
    spectrum *= kernels / (kernels.square() + alpha)
    return (mask * torch.fft.irfftn(spectrum, s=field.shape[1:], dim=dims))[:, None]
