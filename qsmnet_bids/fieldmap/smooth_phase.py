"""Smooth functions through wrapped, noisy phase: a plane, and a Gaussian's local mean."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from qsmnet_bids.physics.dipole import pad_to, padded_shape
from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

N_REFINEMENTS = 5
"""Gauss-Newton steps towards the plane."""
N_PASSES = 5
"""Of the local mean: on curved offsets five leave a fifth to a third of the error of one, and the
noise of a constant offset grows by a seventh."""
BLOCK = 1 / 3
"""Edge of the blocks on which the local mean is taken, in standard deviations."""


def plane(signal: Tensor) -> Volume:
    """Fit a phase that is linear in space to complex numbers.

    The slopes start at the phase of the sum of conj(s) times its next neighbour, and Gauss-Newton
    steps then maximise the real part of sum |s| s exp(-i plane).

    Parameters
    ----------
    signal
        Complex, shape (x, y, z); its magnitude is the weight, zero where there is no phase.

    Returns
    -------
        rad, everywhere.
    """
    weight = signal.abs()
    axes = [
        torch.arange(n, device=signal.device, dtype=weight.dtype) - n / 2 for n in signal.shape
    ]
    grid = [axis.view([-1 if i == j else 1 for j in range(3)]) for i, axis in enumerate(axes)]
    values = torch.zeros(4, device=signal.device, dtype=torch.float64)
    for axis in range(3):
        n = signal.shape[axis] - 1
        steps = signal.narrow(axis, 1, n) * signal.narrow(axis, 0, n).conj()
        values[axis] = steps.sum().angle()
    normal = _moments(weight.square(), grid)
    normal += 1e-9 * normal.diagonal().max() * torch.eye(4, device=normal.device)
    values[3] = _turn_back(signal, _at(values, grid)).sum().angle()
    factors = [*grid, torch.ones_like(grid[0])]
    for _ in range(N_REFINEMENTS):
        excess = signal * torch.polar(weight, -_at(values, grid))
        score = [(excess.imag * axis).sum(dtype=torch.float64) for axis in factors]
        values += torch.linalg.solve(normal, torch.stack(score))
    return _at(values, grid)


def smooth(signal: Tensor, *, deviation: float, voxel_size: Vector) -> Volume:
    """Smooth the phase of complex numbers, whose magnitude is the weight.

    A local mean is off where the phase is steep and the weights are lopsided, as at the edge of a
    mask, and where it bends. So the plane through all is taken out first, and what each mean
    leaves is smoothed again. All that is smooth, so it is done on blocks of voxels of a third of
    ``deviation``.

    Parameters
    ----------
    signal
        Complex, shape (x, y, z); zero where there is no phase.
    deviation
        Standard deviation of the Gaussian, mm.
    voxel_size
        mm.

    Returns
    -------
        rad, not wrapped.
    """
    through_all = plane(signal)
    blocks = [max(1, int(BLOCK * deviation / size)) for size in voxel_size]
    coarse = _shrink(_turn_back(signal, through_all), blocks)
    x, y, z = (size * block for size, block in zip(voxel_size, blocks, strict=True))
    rest = torch.zeros_like(coarse.real)
    for _ in range(N_PASSES):
        mean = _local_mean(_turn_back(coarse, rest), deviation, (x, y, z))
        rest += mean.angle()
    unit = torch.polar(torch.ones_like(rest), rest)
    return through_all + _enlarge(unit, blocks)[tuple(slice(n) for n in signal.shape)].angle()


def coherence(signal: Tensor, phase: Volume, *, deviation: float, voxel_size: Vector) -> Volume:
    """Tell how well the phase of complex numbers keeps to a smooth one nearby.

    Parameters
    ----------
    signal
        Complex, shape (x, y, z); its magnitude is the weight, zero where there is no phase.
    phase
        The smooth one, rad.
    deviation
        Standard deviation of the Gaussian that says what is near, mm.
    voxel_size
        mm.

    Returns
    -------
        Length of the mean of exp(i (phase of ``signal`` - ``phase``)): 1 where they agree up to a
        constant, near 0 where they have nothing in common.
    """
    blocks = [max(1, int(BLOCK * deviation / size)) for size in voxel_size]
    x, y, z = (size * block for size, block in zip(voxel_size, blocks, strict=True))
    rest, weight = (
        _local_mean(_shrink(volume, blocks), deviation, (x, y, z)).abs()
        for volume in (_turn_back(signal, phase), torch.complex(signal.abs(), 0 * phase))
    )
    ratio = torch.complex(rest / weight.clamp(min=1e-30), 0 * rest)
    whole = _enlarge(ratio, blocks)[tuple(slice(n) for n in signal.shape)]
    return whole.real.clamp(min=0, max=1)


def _turn_back(signal: Tensor, phase: Volume) -> Tensor:
    return signal * torch.polar(torch.ones_like(phase), -phase)


def _shrink(volume: Tensor, blocks: list[int]) -> Tensor:
    """Average a complex volume over blocks of voxels, zero beyond its borders."""
    sizes = [math.ceil(n / b) * b for n, b in zip(volume.shape, blocks, strict=True)]
    parts = torch.view_as_real(pad_to(volume, (sizes[0], sizes[1], sizes[2]))).movedim(3, 0)
    means = functional.avg_pool3d(parts, blocks)
    return torch.complex(means[0], means[1])


def _enlarge(volume: Tensor, blocks: list[int]) -> Tensor:
    parts = torch.view_as_real(volume).movedim(3, 0)[None]
    sizes = [n * b for n, b in zip(volume.shape, blocks, strict=True)]
    fine = functional.interpolate(parts, size=sizes, mode='trilinear', align_corners=False)[0]
    return torch.complex(fine[0], fine[1])


def _at(values: Tensor, grid: list[Tensor]) -> Tensor:
    x, y, z, constant = values.to(grid[0].dtype)
    return x * grid[0] + y * grid[1] + z * grid[2] + constant


def _moments(weight: Tensor, grid: list[Tensor]) -> Tensor:
    """Sum weight times the products of 1, x, y, z."""
    factors = [*grid, torch.ones_like(grid[0])]
    rows = [
        torch.stack([(weight * a * b).sum(dtype=torch.float64) for b in factors]) for a in factors
    ]
    return torch.stack(rows)


def _local_mean(volume: Tensor, deviation: float, voxel_size: Vector) -> Tensor:
    """Convolve a complex volume with a Gaussian, zero beyond its borders."""
    shape = volume.shape
    padded = padded_shape((shape[0], shape[1], shape[2]), voxel_size, 3 * deviation)
    spectrum = torch.fft.fftn(pad_to(volume, padded))
    for axis, size in enumerate(voxel_size):
        k = torch.fft.fftfreq(padded[axis], size, device=volume.device)
        gaussian = torch.exp(-2 * (math.pi * deviation * k) ** 2)
        spectrum *= gaussian.view([-1 if i == axis else 1 for i in range(3)])
    return torch.fft.ifftn(spectrum)[: shape[0], : shape[1], : shape[2]]
