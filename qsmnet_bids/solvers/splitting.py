"""Total variation by ADMM: what the methods that penalise the gradient share.

With the gradient z = grad x and, where the data are weighted, the field y = D x split off, every
step is closed: x in k-space, z by soft thresholding, y voxel by voxel. S. Boyd et al., Found.
Trends Mach. Learn. 3:1-122, 2011, doi:10.1561/2200000016.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.physics.gradient import gradient_power
from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

SLAB = 2**18
"""Voxels that are worked on at once, so that they stay in a processor's cache."""


class GradientSplit:
    """Soft-thresholded gradient with its multipliers, by periodic forward differences.

    Parameters
    ----------
    like
        Volume whose shape, device and dtype the multipliers get.
    voxel_size
        mm.
    threshold
        Weight of the gradient's absolute values over the penalty of the splitting, ppm/mm; a
        number, or a volume.
    """

    def __init__(self, like: Volume, voxel_size: Vector, threshold: float | Volume) -> None:
        self.voxel_size = voxel_size
        self.threshold = threshold
        self.multipliers = like.new_zeros((3, *like.shape))

    def __call__(self, volume: Volume) -> Volume:
        """Update the split gradient z and its multipliers u for a new volume.

        Returns
        -------
            Divergence of z - u, by the negative adjoint of the forward differences.
        """
        divergence = torch.empty_like(volume)
        n, planes = volume.shape[0], max(1, SLAB // volume[0].numel())
        border = volume.new_zeros((1, *volume.shape[1:]))
        for start in range(0, n, planes):
            slab = slice(start, min(start + planes, n))
            rows = volume[slab]
            after = torch.cat((rows[1:], volume[slab.stop % n][None]))
            along = self._shrink(after, rows, slab, 0)
            # what is behind the first plane of all is the last, which is not known yet
            divergence[slab] = along - torch.cat((border, along[:-1]))
            border = along[-1:]
            for axis in (1, 2):
                along = self._shrink(rows.roll(-1, axis), rows, slab, axis)
                divergence[slab].add_(along).sub_(along.roll(1, axis))
        divergence[0].sub_(border[0])
        return divergence

    def _shrink(self, after: Tensor, here: Tensor, slab: slice, axis: int) -> Tensor:
        """Give (z - u) / size for z = shrink(gradient + u); u takes what was cut off."""
        multipliers, size = self.multipliers[axis, slab], self.voxel_size[axis]
        wanted = after.sub_(here).div_(size).add_(multipliers)
        if isinstance(self.threshold, Tensor):
            most = self.threshold[slab]
            torch.minimum(wanted, most, out=multipliers)
            torch.maximum(multipliers, -most, out=multipliers)
        else:
            torch.clamp(wanted, -self.threshold, self.threshold, out=multipliers)
        return wanted.sub_(multipliers, alpha=2).div_(size)


class VariationStep:
    """One iteration of ADMM for data(D x) + alpha |grad x|_1, in terms of x.

    x(k) = (mu D (y - s)(k) - rho (div (z - u))(k)) / (mu D^2 + rho P), where s and u are the
    multipliers and P is the power of the forward differences.

    Parameters
    ----------
    field
        First y: the field, where it is to be trusted, ppm.
    kernel
        Of the dipole.
    voxel_size
        mm.
    alpha
        Weight of the gradient, ppm mm.
    rho
        Penalty of splitting the gradient, mm^2.
    mu
        Penalty of splitting the field; its weight where it is not split.
    prox
        Gives y = argmin data(y) + mu/2 |y - v|^2 for v; None for data(y) = mu/2 |y - field|^2,
        which needs no splitting.
    """

    def __init__(
        self,
        field: Volume,
        kernel: Tensor,
        voxel_size: Vector,
        *,
        alpha: float,
        rho: float,
        mu: float = 1.0,
        prox: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.kernel, self.prox = kernel, prox
        self.shape = list(field.shape)
        inverse = gradient_power(
            (field.shape[0], field.shape[1], field.shape[2]),
            voxel_size,
            device=field.device,
            dtype=field.dtype,
        )
        inverse.mul_(rho).addcmul_(kernel, kernel, value=mu)
        # neither the field nor the gradient knows the mean
        inverse[0, 0, 0] = 1
        self.from_gradient = torch.reciprocal(inverse, out=inverse).mul_(rho)
        self.from_gradient[0, 0, 0] = 0
        self.from_field = self.from_gradient * kernel * (mu / rho)
        self.gradient = GradientSplit(field, voxel_size, alpha / rho)
        self.field_multiplier = torch.zeros_like(field) if prox else None
        self.data = torch.fft.rfftn(field).mul_(self.from_field)
        self.spectrum = self.data

    def start(self) -> Volume:
        """Give the first x, penalised by the gradient's square instead."""
        return torch.fft.irfftn(self.spectrum, s=self.shape)

    def __call__(self, chi: Volume) -> Volume:
        """Give the next x; ``chi`` must be the last."""
        penalty = torch.fft.rfftn(self.gradient(chi)).mul_(self.from_gradient)
        if self.prox and self.field_multiplier is not None:
            wanted = torch.fft.irfftn(self.spectrum * self.kernel, s=self.shape)
            wanted.add_(self.field_multiplier)
            split = self.prox(wanted)
            self.field_multiplier = wanted.sub_(split)
            self.data = torch.fft.rfftn(split.sub_(wanted)).mul_(self.from_field)
        self.spectrum = torch.sub(self.data, penalty, out=penalty)
        return torch.fft.irfftn(self.spectrum, s=self.shape)
