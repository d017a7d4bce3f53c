"""Fields of batches of worlds, and their kernels."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from qsmnet_bids.physics.dipole import dipole_kernel, padded_shape
from qsmnet_bids.vectors import Vector

Shape = tuple[int, int, int]
CUBES: Vector = (1.0, 1.0, 1.0)
ALONG_Z: Vector = (0.0, 0.0, 1.0)


def periodic_kernels(
    shape: Shape, voxel_sizes: Sequence[Vector], b0_dirs: Sequence[Vector], device: torch.device
) -> Tensor:
    """Give the dipole kernel of each world, which repeats itself beyond its sides.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_sizes, b0_dirs
        mm and unit vector of each world.
    device
        Of the kernels.

    Returns
    -------
        Shape ``(world, x, y, z // 2 + 1)``.
    """
    kernels = [
        dipole_kernel(shape, size, b0_dir, device=device)
        for size, b0_dir in zip(voxel_sizes, b0_dirs, strict=True)
    ]
    return torch.stack(kernels)


def periodic_field(chi: Tensor, kernels: Tensor) -> Tensor:
    """Convolve worlds with their kernels.

    Parameters
    ----------
    chi
        ppm, shape ``(world, x, y, z)``.
    kernels
        As ``periodic_kernels`` gives them.

    Returns
    -------
        ppm, shape of ``chi``.
    """
    spectrum = torch.fft.rfftn(chi, dim=(1, 2, 3)).mul_(kernels)
    return torch.fft.irfftn(spectrum, s=chi.shape[1:], dim=(1, 2, 3))


def closed_field(chi: Tensor) -> Tensor:
    """Field of worlds with nothing around them; cubic voxels, B0 along z.

    Parameters
    ----------
    chi
        ppm, shape ``(world, n, n, n)``.

    Returns
    -------
        ppm, shape of ``chi``.
    """
    n = chi.shape[-1]
    kernel = _closed_kernel(n, chi.device)
    padded = padded_shape((n, n, n), CUBES, n)
    field = torch.empty_like(chi)
    for world, own in zip(field, chi, strict=True):  # one by one: they are eight times as large
        spectrum = torch.fft.rfftn(own, s=padded).mul_(kernel)
        world.copy_(torch.fft.irfftn(spectrum, s=padded)[:n, :n, :n])
    return field


@lru_cache(maxsize=2)
def _closed_kernel(n: int, device: torch.device) -> Tensor:
    padded = padded_shape((n, n, n), CUBES, n)
    return dipole_kernel(padded, CUBES, ALONG_Z, reach_mm=n, device=device)
