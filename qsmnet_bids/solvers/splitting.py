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
    relaxation
        Of the gradient, from the second volume on: times this, less the rest of the last z; from
        1 (none) to below 2.
    """

    def __init__(
        self,
        like: Volume,
        voxel_size: Vector,
        threshold: float | Volume,
        *,
        relaxation: float = 1.0,
    ) -> None:
        self.voxel_size = voxel_size
        self.threshold = threshold
        self.relaxation = relaxation
        self.multipliers = like.new_zeros((3, *like.shape))
        self.shrunk: Tensor | None = None

    def __call__(self, volume: Volume) -> Volume:
        """Update the split gradient z and its multipliers u for a new volume.

        Returns
        -------
            Divergence of z - u, by the negative adjoint of the forward differences.
        """
        divergence = torch.empty_like(volume)
        n, planes = volume.shape[0], max(1, SLAB // volume[0].numel())
        is_first = self.shrunk is None
        if is_first and self.relaxation != 1:
            self.shrunk = torch.empty_like(self.multipliers)
        border = volume.new_zeros((1, *volume.shape[1:]))
        for start in range(0, n, planes):
            slab = slice(start, min(start + planes, n))
            rows = volume[slab]
            after = torch.cat((rows[1:], volume[slab.stop % n][None]))
            along = self._shrink(after, rows, slab, 0, is_first=is_first)
            # what is behind the first plane of all is the last, which is not known yet
            divergence[slab] = along - torch.cat((border, along[:-1]))
            border = along[-1:]
            for axis in (1, 2):
                along = self._shrink(rows.roll(-1, axis), rows, slab, axis, is_first=is_first)
                divergence[slab].add_(along).sub_(along.roll(1, axis))
        divergence[0].sub_(border[0])
        return divergence

    def _shrink(
        self, after: Tensor, here: Tensor, slab: slice, axis: int, *, is_first: bool
    ) -> Tensor:
        """Give (z - u) / size for z = shrink(gradient + u); u takes what was cut off."""
        multipliers, size = self.multipliers[axis, slab], self.voxel_size[axis]
        wanted = after.sub_(here).div_(size)
        if self.shrunk is not None and not is_first:
            relaxation = self.relaxation
            wanted.mul_(relaxation).add_(self.shrunk[axis, slab], alpha=1 - relaxation)
        wanted.add_(multipliers)
        if isinstance(self.threshold, Tensor):
            most = self.threshold[slab]
            torch.minimum(wanted, most, out=multipliers)
            torch.maximum(multipliers, -most, out=multipliers)
        else:
            torch.clamp(wanted, -self.threshold, self.threshold, out=multipliers)
        wanted.sub_(multipliers)
        if self.shrunk is not None:
            self.shrunk[axis, slab] = wanted
        return wanted.sub_(multipliers).div_(size)


class VariationStep:
    """One iteration of ADMM for data(D x) + alpha |grad x|_1, in terms of x.

    x(k) = (mu D (y - s)(k) - rho (div (z - u))(k)) / (mu D^2 + rho P), where s and u are the
    multipliers and P is the power of the forward differences. Where the field has smooth errors,
    y = D x + e with a cost of |e(k)|^2 / (2 S(k)), which the best e turns into
    mu(k) = 1 / (1 / mu + S(k)) in place of mu, for no further transform.

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
    relaxation
        Of both splittings, from 1 (none) to below 2: near 2 takes about half the steps. J.
        Eckstein and D. Bertsekas, Math. Program. 55:293-318, 1992, doi:10.1007/BF01581204.
    smooth
        S, the power of smooth errors at each frequency of the kernel over that of white ones of
        weight 1; None for no such errors. Only where the field is split.
    """

    def __init__(  # noqa: PLR0913 -- all that one problem has
        self,
        field: Volume,
        kernel: Tensor,
        voxel_size: Vector,
        *,
        alpha: float,
        rho: float,
        mu: float = 1.0,
        prox: Callable[[Tensor], Tensor] | None = None,
        relaxation: float = 1.0,
        smooth: Tensor | None = None,
    ) -> None:
        if smooth is not None and prox is None:
            raise ValueError('smooth errors are told apart only where the field is split')
        self.kernel, self.prox, self.smooth = kernel, prox, smooth
        self.relaxation = relaxation
        self.shape = list(field.shape)
        self.voxel_size, self.rho, self.mu = voxel_size, rho, mu
        self._invert(field)
        self.gradient = GradientSplit(field, voxel_size, alpha / rho, relaxation=relaxation)
        self.field_multiplier = torch.zeros_like(field) if prox else None
        self.split_field: Volume | None = None
        self.target, self.data = self._aim(field)
        self.spectrum = self.data

    def start(self) -> Volume:
        """Give the first x, penalised by the gradient's square instead."""
        return torch.fft.irfftn(self.spectrum, s=self.shape)

    def couple(self, mu: float, prox: Callable[[Tensor], Tensor], *, rho: float) -> None:
        """Go on with other penalties of both splittings, after at least one step.

        Parameters
        ----------
        mu, prox, rho
            As for a new iteration; what the multipliers stand for stays as it is. The gradient's
            threshold is the caller's to change.
        """
        if self.field_multiplier is None or self.split_field is None:
            raise ValueError('only a relaxed iteration that splits its field can go on otherwise')
        self.field_multiplier.mul_(self.mu / mu)
        self.gradient.multipliers.mul_(self.rho / rho)
        self.mu, self.prox, self.rho = mu, prox, rho
        self._invert(self.split_field)
        self.target, self.data = self._aim(self.split_field - self.field_multiplier)

    def _aim(self, target: Volume) -> tuple[Tensor | None, Tensor]:
        """Transform what D x should be, which is needed again where errors may be smooth."""
        spectrum = torch.fft.rfftn(target)
        if self.smooth is None:
            return None, spectrum.mul_(self.from_field)
        return spectrum, spectrum * self.from_field

    def _invert(self, like: Volume) -> None:
        """Prepare what the field and the gradient are multiplied by in k-space."""
        x, y, z = self.shape
        inverse = gradient_power((x, y, z), self.voxel_size, device=like.device, dtype=like.dtype)
        coupling: float | Tensor = self.mu
        if self.smooth is None:
            inverse.mul_(self.rho).addcmul_(self.kernel, self.kernel, value=self.mu)
        else:
            coupling = (self.smooth + 1 / self.mu).reciprocal_()
            inverse.mul_(self.rho).addcmul_(self.kernel.square(), coupling)
        # neither the field nor the gradient knows the mean
        inverse[0, 0, 0] = 1
        self.from_gradient = torch.reciprocal(inverse, out=inverse).mul_(self.rho)
        self.from_gradient[0, 0, 0] = 0
        self.from_field = self.from_gradient * self.kernel * (coupling / self.rho)

    def __call__(self, chi: Volume) -> Volume:
        """Give the next x; ``chi`` must be the last."""
        penalty = torch.fft.rfftn(self.gradient(chi)).mul_(self.from_gradient)
        if self.prox and self.field_multiplier is not None:
            wanted = self.explained()
            if self.split_field is not None:
                wanted.mul_(self.relaxation).add_(self.split_field, alpha=1 - self.relaxation)
            wanted.add_(self.field_multiplier)
            split = self.prox(wanted)
            if self.relaxation != 1:
                self.split_field = split.clone()
            self.field_multiplier = wanted.sub_(split)
            self.target, self.data = self._aim(split.sub_(wanted))
        self.spectrum = torch.sub(self.data, penalty, out=penalty)
        return torch.fft.irfftn(self.spectrum, s=self.shape)

    def explained(self) -> Volume:
        """Give D x, and the smooth errors that go with it, for the last x; ppm."""
        return torch.fft.irfftn(self._reached(), s=self.shape)

    def _reached(self) -> Tensor:
        """Give the spectrum of D x, and of the smooth errors that go with it."""
        own = self.spectrum * self.kernel
        if self.smooth is None or self.target is None:
            return own
        share = self.smooth / (self.smooth + 1 / self.mu)
        return own.addcmul_(self.target - own, share)
