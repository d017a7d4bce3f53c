"""What MEDI minimises: edges where the magnitude has none are penalised."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.inversion.padded import Padded
from qsmnet_bids.physics.dipole import convolve, pad_to
from qsmnet_bids.physics.gradient import Gradient, gradient_power
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

MAX_SAMPLES = 1_000_000
"""Values from which a quantile is taken."""
FLOOR = 1e-3
"""Gradient, ppm/mm; one well below it counts by its square."""


@dataclass(frozen=True)
class Objective:
    """What is minimised, on the padded grid.

    Parameters
    ----------
    padded
        Field, kernel and mask.
    weight
        w of the data, without unit.
    smooth
        m of the gradient.
    csf
        Fluid of the ventricles; None if it has no part in it.
    alpha, csf_weight, radians_per_ppm
        As ``medi`` has them.
    """

    padded: Padded
    weight: Volume
    smooth: Gradient
    csf: Mask | None
    alpha: float
    csf_weight: float
    radians_per_ppm: float

    def residual(self, chi: Volume) -> Volume:
        """Give the field of ``chi`` less the measured one, ppm."""
        return convolve(chi, self.padded.kernel).sub_(self.padded.field)

    def pull(self, residual: Volume) -> Volume:
        """Give the derivative of the data term by the field, which whole turns leave as it is."""
        scale = self.radians_per_ppm
        turned = (residual * scale).sin_().div_(scale) if scale else residual
        return turned.mul_(self.weight.square())

    def stiffness(self, chi: Volume) -> Gradient:
        """Weigh squared differences so that they count as their length does at ``chi``."""
        steps = differences(chi, self.padded.local.voxel_size).mul_(self.smooth)
        length = steps.square_().sum(0).add_(FLOOR**2).sqrt_()
        return self.smooth * (self.alpha / length)

    def even_fluid(self, chi: Volume) -> Volume:
        """Give the derivative of the penalty of unevenness in the fluid."""
        uneven = torch.zeros_like(chi)
        if self.csf is not None:
            values = chi[self.csf]
            uneven[self.csf] = self.csf_weight * (values - values.mean())
        return uneven

    def preconditioner(self, stiffness: Gradient) -> Tensor:
        """Approximate the inverse of the second derivative, in k-space."""
        kernel = self.padded.kernel
        inverse = power(self.padded).mul_(float(stiffness.mean()))
        weight = float(self.weight.square().mean()) ** 0.5
        return inverse.addcmul_(kernel, kernel, value=weight).add_(1e-4).reciprocal_()


def power(padded: Padded) -> Tensor:
    """Give the squared magnitude of the differences in k-space, 1/mm^2."""
    return gradient_power(
        padded.shape, padded.local.voxel_size, device=padded.field.device, dtype=padded.field.dtype
    )


def differences(volume: Volume, voxel_size: Vector) -> Gradient:
    """Forward differences of a periodic volume.

    Parameters
    ----------
    volume
        Any unit.
    voxel_size
        mm.

    Returns
    -------
        Unit of ``volume`` per mm, shape ``(3, x, y, z)``.
    """
    result = volume.new_empty((3, *volume.shape))
    for axis, size in enumerate(voxel_size):
        torch.sub(volume.roll(-1, axis), volume, out=result[axis]).div_(size)
    return result


def stiff_laplacian(volume: Volume, stiffness: Gradient, voxel_size: Vector) -> Volume:
    """Adjoint of the differences, applied to the differences times their stiffness.

    Parameters
    ----------
    volume
        Any unit.
    stiffness
        At least 0, of each difference, shape ``(3, x, y, z)``.
    voxel_size
        mm.

    Returns
    -------
        Unit of ``volume`` times that of ``stiffness``, per mm^2.
    """
    result = torch.zeros_like(volume)
    for axis, size in enumerate(voxel_size):
        force = volume.roll(-1, axis).sub_(volume).mul_(stiffness[axis]).div_(size**2)
        result.sub_(force).add_(force.roll(1, axis))
    return result


def smooth_places(padded: Padded, *, edge_fraction: float) -> Gradient:
    """Mark the differences between neighbours that are no edges of the magnitude.

    Parameters
    ----------
    padded
        The problem; its local field has a magnitude.
    edge_fraction
        Part of the differences in the mask that are edges.

    Returns
    -------
        1 for smooth, 0 for an edge; 1 outside the mask; shape ``(3, x, y, z)``.
    """
    local = padded.local
    if local.magnitude is None:
        raise ValueError('the local field has no magnitude, and without it there are no edges')
    magnitude = pad_to(local.magnitude[padded.box], padded.shape) * padded.inside
    steps = differences(magnitude, local.voxel_size).abs_().mul_(padded.inside)
    threshold = quantile(steps[:, padded.inside].flatten(), 1 - edge_fraction)
    # a magnitude without any contrast has no edges
    return (steps <= threshold).to(padded.field.dtype)


def quantile(values: Tensor, fraction: float) -> float:
    """Give a quantile, from at most a million of the values.

    Parameters
    ----------
    values
        At least one, in one dimension.
    fraction
        In [0, 1].
    """
    stride = -(-len(values) // MAX_SAMPLES)
    ordered = values[::stride].sort().values
    return float(ordered[min(len(ordered) - 1, int(fraction * len(ordered)))])
