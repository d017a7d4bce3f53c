"""The field of magnetic dipoles, by convolution in k-space.

J. P. Marques and R. Bowtell, Concepts Magn. Reson. B 25:65-78, 2005, doi:10.1002/cmr.b.20034.
The kernel of finite reach follows F. Vico, L. Greengard, M. Ferrando, J. Comput. Phys.
323:191-203, 2016, doi:10.1016/j.jcp.2016.07.028.
"""

import math

import torch
from torch import Tensor

from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

SLAB = 32
"""Planes of a kernel that are made at once."""


def dipole_kernel(
    shape: tuple[int, int, int],
    voxel_size: Vector,
    b0_dir: Vector,
    *,
    reach_mm: float | None = None,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Sample the dipole kernel on the frequencies of ``torch.fft.rfftn``.

    D(k) = 1/3 - (k . b)^2 / |k|^2, and D(0) = 0. For a dipole whose field ends at r, D(k) is
    multiplied by 1 - 3 j1(2 pi |k| r) / (2 pi |k| r). A Nyquist frequency stands for both signs of
    k, so there D is the mean over both: the kernel is that of a real field for any direction.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm.
    b0_dir
        Vector along B0 in voxel axes; its length does not matter.
    reach_mm
        Distance at which the field of a source ends, mm; None for never.
    device, dtype
        Of the kernel.

    Returns
    -------
        Kernel, shape ``(x, y, z // 2 + 1)``, without unit.

    >>> float(dipole_kernel((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))[0, 0, 1])
    -0.666...
    """
    if min(voxel_size) <= 0:
        raise ValueError(f'voxel_size must be positive, got {voxel_size}')
    length = math.sqrt(sum(component**2 for component in b0_dir))
    if length == 0:
        raise ValueError('b0_dir must not be the zero vector')
    kx = torch.fft.fftfreq(shape[0], voxel_size[0], device=device, dtype=torch.float64)
    ky = torch.fft.fftfreq(shape[1], voxel_size[1], device=device, dtype=torch.float64)
    kz = torch.fft.rfftfreq(shape[2], voxel_size[2], device=device, dtype=torch.float64)
    kernel = torch.empty((len(kx), len(ky), len(kz)), device=device, dtype=dtype)
    unit = [component / length for component in b0_dir]
    odd_x, odd_y, odd_z = (
        _without_nyquist(k, n) for k, n in zip((kx, ky, kz), shape, strict=True)
    )
    # float64 on the way, since near the magic angle 1/3 - cos^2 cancels; by slabs, to save memory
    for start in range(0, len(kx), SLAB):
        x, y, z = kx[start : start + SLAB, None, None], ky[:, None], kz
        odd = odd_x[start : start + SLAB, None, None]
        # in the mean over both signs the products with the other axes cancel, the square stays
        along = (odd * unit[0] + odd_y[:, None] * unit[1] + odd_z * unit[2]) ** 2
        for k, odd_k, component in (
            (x, odd, unit[0]),
            (y, odd_y[:, None], unit[1]),
            (z, odd_z, unit[2]),
        ):
            along += (k**2 - odd_k**2) * component**2
        squared = x**2 + y**2 + z**2
        if start == 0:
            squared[0, 0, 0] = 1
        slab = 1 / 3 - along / squared
        if reach_mm is not None:
            slab *= _finite_reach(squared.sqrt_().mul_(2 * math.pi * reach_mm))
        kernel[start : start + SLAB] = slab
    kernel[0, 0, 0] = 0
    return kernel


def _without_nyquist(k: Tensor, n: int) -> Tensor:
    """Set to zero the frequency that stands for both signs; only even lengths have one."""
    return torch.where(torch.arange(len(k), device=k.device) * 2 == n, 0, k)


def _finite_reach(x: Tensor) -> Tensor:
    """Fourier factor 1 - 3 j1(x) / x of cutting the dipole's field off at x = |k| r."""
    return 1 - 3 * (x.sin() / x - x.cos()) / x**2


def convolve(volume: Volume, kernel: Tensor) -> Volume:
    """Convolve a periodic volume with a real kernel that is given in k-space.

    Parameters
    ----------
    volume
        Any unit, shape ``(x, y, z)``.
    kernel
        Real, shape ``(x, y, z // 2 + 1)``.

    Returns
    -------
        Same unit and shape as ``volume``.
    """
    shape = list(volume.shape)
    return torch.fft.irfftn(torch.fft.rfftn(volume) * kernel, s=shape)


def padded_shape(
    shape: tuple[int, int, int], voxel_size: Vector, margin_mm: float | Vector
) -> tuple[int, int, int]:
    """Enlarge a shape so that a source's periodic images stay at least a margin away.

    Each side grows by the margin, then to the next length that factors into 2, 3 and 5.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm.
    margin_mm
        Least distance between the volume and its next periodic image, mm; one for all sides or
        one each.

    Returns
    -------
        Voxels in x, y, z.
    """
    margins = margin_mm if isinstance(margin_mm, tuple) else (margin_mm,) * 3
    if min(margins) < 0:
        raise ValueError(f'margin_mm must be at least 0, got {margin_mm}')
    sides = zip(shape, voxel_size, margins, strict=True)
    wanted = [n + math.ceil(margin / size) for n, size, margin in sides]
    return _fast_length(wanted[0]), _fast_length(wanted[1]), _fast_length(wanted[2])


def pad_to(volume: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Append zeros at the upper ends, so that the origin stays in place.

    Parameters
    ----------
    volume
        Any unit.
    shape
        Voxels in x, y, z, at least those of ``volume``.
    """
    grow = [new - old for new, old in zip(shape, volume.shape, strict=True)]
    if min(grow) < 0:
        raise ValueError(f'cannot pad {tuple(volume.shape)} to the smaller {shape}')
    return torch.nn.functional.pad(volume, (0, grow[2], 0, grow[1], 0, grow[0]))


def forward_field(
    chi: Volume, *, voxel_size: Vector, b0_dir: Vector, margin_mm: float | None = None
) -> Volume:
    """Field that a susceptibility distribution causes in free space, without wrap-around.

    Sources reach as far as the margin, so that no periodic image is ever seen: with the default
    margin the convolution is exact for every pair of voxels up to the longest side apart.

    Parameters
    ----------
    chi
        ppm, relative to what surrounds the volume.
    voxel_size
        mm.
    b0_dir
        Vector along B0 in voxel axes.
    margin_mm
        Zeros added on each axis before the convolution, and reach of a source, mm; the longest
        side of the volume if None; 0 for a periodic world.

    Returns
    -------
        Field, ppm, shape of ``chi``.
    """
    shape = (chi.shape[0], chi.shape[1], chi.shape[2])
    if margin_mm is None:
        margin_mm = max(n * size for n, size in zip(shape, voxel_size, strict=True))
    padded = padded_shape(shape, voxel_size, margin_mm) if margin_mm else shape
    kernel = dipole_kernel(
        padded,
        voxel_size,
        b0_dir,
        reach_mm=margin_mm or None,
        device=chi.device,
        dtype=chi.dtype,
    )
    field = convolve(pad_to(chi, padded), kernel)
    return field[: shape[0], : shape[1], : shape[2]]


def _fast_length(n: int) -> int:
    while _without_small_factors(n) != 1:
        n += 1
    return n


def _without_small_factors(n: int) -> int:
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n
