"""Finite differences, with the border treated as if nothing changed beyond it."""

import torch
from jaxtyping import Float
from torch import Tensor

from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

Gradient = Float[Tensor, 'axis x y z']


def gradient(volume: Volume, voxel_size: Vector) -> Gradient:
    """Forward differences along x, y, z; zero at the upper border.

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
    result = volume.new_zeros((3, *volume.shape))
    for axis, size in enumerate(voxel_size):
        n = volume.shape[axis]
        difference = torch.diff(volume, dim=axis) / size
        result[axis].narrow(axis, 0, n - 1).copy_(difference)
    return result


def divergence(vectors: Gradient, voxel_size: Vector) -> Volume:
    """Give the negative adjoint of ``gradient``: <gradient u, v> = -<u, divergence v>.

    Parameters
    ----------
    vectors
        Any unit, shape ``(3, x, y, z)``.
    voxel_size
        mm.

    Returns
    -------
        Unit of ``vectors`` per mm.
    """
    result = torch.zeros_like(vectors[0])
    for axis, size in enumerate(voxel_size):
        n = result.shape[axis]
        flow = vectors[axis].narrow(axis, 0, n - 1) / size
        result.narrow(axis, 0, n - 1).add_(flow)
        result.narrow(axis, 1, n - 1).sub_(flow)
    return result


def steepness(volume: Volume, voxel_size: Vector) -> Volume:
    """Squared magnitude of periodic forward differences, in space.

    Parameters
    ----------
    volume
        Any unit.
    voxel_size
        mm.

    Returns
    -------
        Square of the unit of ``volume`` per mm.
    """
    result = torch.zeros_like(volume)
    for axis, size in enumerate(voxel_size):
        difference = volume.roll(-1, axis).sub_(volume)
        result.addcmul_(difference, difference, value=size**-2)
    return result


def gradient_power(
    shape: tuple[int, int, int],
    voxel_size: Vector,
    *,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Squared magnitude of periodic forward differences in k-space.

    P(k) = sum over axes of (2 sin(pi k_i size_i) / size_i)^2.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm.
    device, dtype
        Of the result.

    Returns
    -------
        1/mm^2, shape ``(x, y, z // 2 + 1)``.
    """
    kx = torch.fft.fftfreq(shape[0], device=device, dtype=dtype)
    ky = torch.fft.fftfreq(shape[1], device=device, dtype=dtype)
    kz = torch.fft.rfftfreq(shape[2], device=device, dtype=dtype)
    x, y, z = (
        (2 * torch.sin(torch.pi * k) / size) ** 2
        for k, size in zip((kx, ky, kz), voxel_size, strict=True)
    )
    return x[:, None, None] + y[:, None] + z
