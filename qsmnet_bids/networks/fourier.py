"""Convolutions of batches with kernels that are given in k-space."""

from collections.abc import Sequence

import torch
from torch import Tensor

AXES = (-3, -2, -1)


def convolve(volumes: Tensor, kernel: Tensor) -> Tensor:
    """Convolve each volume with its sample's kernel, padded with zeros to the kernel's grid.

    Parameters
    ----------
    volumes
        Any unit, shape ``(n, c, x, y, z)``.
    kernel
        Real, shape ``(n, x', y', z' // 2 + 1)`` for a grid of at least the volumes' sides, whose
        z' is z or even.

    Returns
    -------
        Same unit and shape as ``volumes``.
    """
    return convolve_each(volumes, [kernel])


def convolve_each(volumes: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """Convolve with several kernels of one grid, for one transform of the volumes.

    Parameters
    ----------
    volumes, kernels
        As ``convolve`` has them.

    Returns
    -------
        Shape ``(n, c * len(kernels), x, y, z)``.
    """
    x, y, z = volumes.shape[-3:]
    grid = grid_of((x, y, z), kernels[0])
    spectrum = torch.fft.rfftn(volumes, s=grid, dim=AXES)
    results = [
        torch.fft.irfftn(spectrum * kernel[:, None], s=grid, dim=AXES)[..., :x, :y, :z]
        for kernel in kernels
    ]
    return torch.cat(results, dim=1)


def grid_of(shape: tuple[int, int, int], kernel: Tensor) -> tuple[int, int, int]:
    """Tell what grid a kernel was made for.

    Parameters
    ----------
    shape
        Voxels in x, y, z of the volumes that it is for.
    kernel
        As ``convolve`` has it.

    Returns
    -------
        Voxels in x, y, z.
    """
    half = kernel.shape[-1]
    grid = (
        kernel.shape[-3],
        kernel.shape[-2],
        shape[2] if half == shape[2] // 2 + 1 else 2 * (half - 1),
    )
    if any(large < small for large, small in zip(grid, shape, strict=True)):
        raise ValueError(f'the kernel must be for at least {shape} voxels, got {grid}')
    return grid


def full_mean(kernel: Tensor, n_z: int) -> Tensor:
    """Average over all of k-space what is given in ``rfftn``'s half of it.

    Parameters
    ----------
    kernel
        Real, shape ``(n, x, y, n_z // 2 + 1)``.
    n_z
        Voxels along z.

    Returns
    -------
        Shape ``(n, 1, 1, 1)``.
    """
    planes = kernel.sum(dim=(1, 2), dtype=torch.float64)
    twice = 2 * planes.sum(dim=1) - planes[:, 0]
    if n_z % 2 == 0:
        twice = twice - planes[:, -1]
    mean = twice / (kernel.shape[1] * kernel.shape[2] * n_z)
    return mean.to(kernel.dtype)[:, None, None, None]
