"""Spherical mean values: a field equals its mean over any sphere that holds no source of it.

F. Schweser et al., NeuroImage 54:2789-2807, 2011, doi:10.1016/j.neuroimage.2010.10.070.
"""

import math

import torch
from torch import Tensor

from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

SUBSAMPLES = 6
"""Points along each edge of a voxel that decide how much of it lies in the sphere."""
FILLED = 1 - 1e-4
"""Share of a sphere that must lie in a mask: all of it, up to float32's Fourier transforms."""


def sphere(
    voxel_size: Vector,
    radius: float,
    *,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> Volume:
    """Render a solid sphere of sum 1, voxels on its rim by the share that lies inside.

    Parameters
    ----------
    voxel_size
        mm.
    radius
        mm.
    device, dtype
        Of the sphere.

    Returns
    -------
        Share of each voxel, odd in all three sizes, centred.

    >>> sphere((1.0, 1.0, 2.0), 3.0).shape
    torch.Size([7, 7, 3])
    """
    if radius <= 0:
        raise ValueError(f'radius must be positive, got {radius}')
    if min(voxel_size) <= 0:
        raise ValueError(f'voxel_size must be positive, got {voxel_size}')
    x, y, z = (_offsets(size, radius, device) for size in voxel_size)
    inside = x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 <= radius**2
    share = torch.nn.functional.avg_pool3d(inside[None].float(), SUBSAMPLES)[0]
    return (share / share.sum()).to(dtype)


def sphere_kernel(
    shape: tuple[int, int, int],
    voxel_size: Vector,
    radius: float,
    *,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Give the sphere in k-space, for ``physics.dipole.convolve``.

    Parameters
    ----------
    shape
        Voxels in x, y, z, at least those of the sphere.
    voxel_size
        mm.
    radius
        mm.
    device, dtype
        Of the kernel.

    Returns
    -------
        Real kernel, 1 at k = 0, shape ``(x, y, z // 2 + 1)``.
    """
    ball = sphere(voxel_size, radius, device=device, dtype=dtype)
    if any(small > large for small, large in zip(ball.shape, shape, strict=True)):
        raise ValueError(f'a sphere of {tuple(ball.shape)} voxels does not fit into {shape}')
    # the sphere is even and small: three short sums of cosines cost less than a transform
    x, y, z = (
        _cosines(small, frequencies, device=device, dtype=dtype)
        for small, frequencies in zip(
            ball.shape,
            (
                torch.fft.fftfreq(shape[0], device=device, dtype=torch.float64),
                torch.fft.fftfreq(shape[1], device=device, dtype=torch.float64),
                torch.fft.rfftfreq(shape[2], device=device, dtype=torch.float64),
            ),
            strict=True,
        )
    )
    planes = torch.einsum('cz,abc->abz', z, ball)
    return torch.einsum('ax,ayz->xyz', x, torch.einsum('by,abz->ayz', y, planes))


def covered(spectrum: Tensor, kernel: Tensor, shape: tuple[int, int, int]) -> Mask:
    """Find the voxels whose whole sphere lies in a mask.

    Parameters
    ----------
    spectrum
        ``torch.fft.rfftn`` of the mask as numbers.
    kernel
        As ``sphere_kernel`` gives it.
    shape
        Voxels in x, y, z of the mask, with room for the sphere around it.

    Returns
    -------
        Centres of the spheres that fit.
    """
    return torch.fft.irfftn(spectrum * kernel, s=shape) > FILLED


def _cosines(
    n: int, frequencies: Tensor, *, device: torch.device | str, dtype: torch.dtype
) -> Tensor:
    offsets = torch.arange(n, device=device, dtype=torch.float64) - n // 2
    return torch.cos(2 * math.pi * offsets[:, None] * frequencies).to(dtype)


def _offsets(size: float, radius: float, device: torch.device | str) -> Tensor:
    # a voxel takes part if any of it may be nearer than the radius
    reach = math.ceil(radius / size - 0.5)
    n = (2 * reach + 1) * SUBSAMPLES
    return (torch.arange(n, device=device) - (n - 1) / 2) * (size / SUBSAMPLES)
