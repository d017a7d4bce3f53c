"""Total generalised variation by ADMM, closed in k-space.

K. Bredies, K. Kunisch and T. Pock, SIAM J. Imaging Sci. 3:492-526, 2010, doi:10.1137/090769521.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.physics.gradient import gradient_power
from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


class GeneralisedStep:
    """One iteration of ADMM for data(D x) + alpha |grad x - v|_1 + alpha0 |sym grad v|_1.

    x and v are solved for together. With a the transfer of the forward differences, P = |a|^2 and
    g = a* r, where r stands for what the splittings ask of v,

    x = (mu D y + a* q + rho g / (rho + rho0 P)) / (mu D^2 + rho rho0 P^2 / (rho + rho0 P)),
    v = (w - rho0/2 a (a* w) / (rho + rho0 P)) / (rho + rho0 P / 2) with w = r + rho a x.

    Parameters
    ----------
    field
        First y: the field, where it is to be trusted, ppm.
    kernel
        Of the dipole.
    voxel_size
        mm.
    threshold
        alpha / rho = alpha0 / rho0, in units of 1 ppm/mm and 1 ppm/mm^2.
    rho, rho0
        Penalties of splitting off the first and second differences, mm^2 and mm^4.
    mu
        Penalty of splitting off the field.
    prox
        Gives y = argmin data(y) + mu/2 |y - v|^2 for v.
    """

    def __init__(
        self,
        field: Volume,
        kernel: Tensor,
        voxel_size: Vector,
        *,
        threshold: float,
        rho: float,
        rho0: float,
        mu: float,
        prox: Callable[[Tensor], Tensor],
    ) -> None:
        self.kernel, self.prox, self.threshold = kernel, prox, threshold
        self.rho, self.rho0, self.mu, self.voxel_size = rho, rho0, mu, voxel_size
        x, y, z = field.shape
        self.shape = [x, y, z]
        self.transfer = _transfer(self.shape, voxel_size, field)
        self.power = gradient_power((x, y, z), voxel_size, device=field.device, dtype=field.dtype)
        self.sum = self.power * rho0 + rho
        self.inverse = kernel.square().mul_(mu).add_(rho * rho0 * self.power**2 / self.sum)
        self.inverse[0, 0, 0] = torch.inf  # neither term knows the mean
        self.inverse.reciprocal_()
        self.first = field.new_zeros((3, x, y, z))
        self.second = field.new_zeros((len(PAIRS), x, y, z))
        self.slope = field.new_zeros((3, x, y, z))
        self.field_multiplier = torch.zeros_like(field)
        power = rho * self.power
        start = torch.fft.rfftn(field) * kernel * mu
        self.spectrum = start / (kernel**2 * mu + power.clamp_(min=1e-12))
        self.spectrum[0, 0, 0] = 0

    def start(self) -> Volume:
        """Give the first x, penalised by the gradient's square instead."""
        return torch.fft.irfftn(self.spectrum, s=self.shape)

    def __call__(self, chi: Volume) -> Volume:
        """Give the next x; ``chi`` must be the last."""
        asked = self._second_differences()
        divergence = torch.zeros_like(chi)
        for axis in range(3):
            wanted = self._forward(chi, axis).sub_(self.slope[axis])
            self._split(wanted, self.first[axis])
            divergence.add_(self._adjoint(wanted, axis))
            asked[axis].mul_(self.rho0).sub_(wanted, alpha=self.rho)
        right = torch.fft.rfftn(divergence.mul_(self.rho))
        right += torch.fft.rfftn(self._split_field()).mul_(self.kernel).mul_(self.mu)
        spectra = [torch.fft.rfftn(part) for part in asked]
        along = sum(a.conj() * r for a, r in zip(self.transfer, spectra, strict=True))
        self.spectrum = (right + self.rho * along / self.sum).mul_(self.inverse)
        along = (along + self.rho * self.power * self.spectrum) * (self.rho0 / 2) / self.sum
        for axis, (a, r) in enumerate(zip(self.transfer, spectra, strict=True)):
            r.add_(self.rho * a * self.spectrum).sub_(a * along)
            r.div_(self.rho + self.rho0 / 2 * self.power)
            self.slope[axis] = torch.fft.irfftn(r, s=self.shape)
        return torch.fft.irfftn(self.spectrum, s=self.shape)

    def _split_field(self) -> Volume:
        wanted = torch.fft.irfftn(self.spectrum * self.kernel, s=self.shape)
        wanted.add_(self.field_multiplier)
        split = self.prox(wanted)
        self.field_multiplier = wanted.sub_(split)
        return split.sub_(wanted)

    def _second_differences(self) -> list[Volume]:
        """Update the split symmetric gradient of v, and give its adjoint's image."""
        asked = [torch.zeros_like(part) for part in self.slope]
        for (i, j), multipliers in zip(PAIRS, self.second, strict=True):
            wanted = self._forward(self.slope[j], i)
            if i != j:
                wanted.add_(self._forward(self.slope[i], j)).div_(2)
            self._split(wanted, multipliers)
            asked[j].add_(self._adjoint(wanted, i))
            if i != j:
                asked[i].add_(self._adjoint(wanted, j))
        return asked

    def _split(self, wanted: Tensor, multipliers: Tensor) -> None:
        """Turn a difference into its soft-thresholded value less the multipliers, in place."""
        wanted.add_(multipliers)
        torch.clamp(wanted, -self.threshold, self.threshold, out=multipliers)
        wanted.sub_(multipliers, alpha=2)

    def _forward(self, volume: Tensor, axis: int) -> Tensor:
        return volume.roll(-1, axis).sub_(volume).div_(self.voxel_size[axis])

    def _adjoint(self, volume: Tensor, axis: int) -> Tensor:
        return volume.roll(1, axis).sub_(volume).div_(self.voxel_size[axis])


def _transfer(shape: list[int], voxel_size: Vector, like: Volume) -> list[Tensor]:
    """Transfer functions of the periodic forward differences along x, y, z."""
    result = []
    for axis, (n, size) in enumerate(zip(shape, voxel_size, strict=True)):
        frequencies = torch.fft.rfftfreq if axis == 2 else torch.fft.fftfreq
        k = 2 * torch.pi * frequencies(n, device=like.device, dtype=like.dtype)
        along = torch.polar(torch.ones_like(k), k).sub_(1).div_(size)
        result.append(along.reshape([-1 if a == axis else 1 for a in range(3)]))
    return result
