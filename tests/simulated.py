"""Small simulated acquisitions with a known truth, for the tests of the numerical stages."""

import math
from dataclasses import dataclass

import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import Mask, MultiEcho, Volume
from qsmnet_bids.vectors import Vector

B0 = 3.0


@dataclass(frozen=True)
class Head:
    """A spherical brain with a paramagnetic and a diamagnetic ball, and a magnet outside it.

    Fields are ppm; ``local`` is that of the sources in the brain, ``total`` that of all.
    """

    echoes: MultiEcho
    brain: Mask
    chi: Volume
    local: Volume
    total: Volume
    r2star: float
    noise: float


def coordinates(shape: tuple[int, int, int], voxel_size: Vector) -> torch.Tensor:
    """Offsets of the voxels' centres from the middle of the volume, mm, shape (3, x, y, z)."""
    axes = [
        (torch.arange(n) + 0.5 - n / 2) * size for n, size in zip(shape, voxel_size, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing='ij'))


def simulate(
    *,
    shape: tuple[int, int, int] = (48, 48, 48),
    voxel_size: Vector = (1.0, 1.0, 1.0),
    b0_dir: Vector = (0.0, 0.0, 1.0),
    echo_times: tuple[float, ...] = (0.005, 0.012, 0.02),
    noise: float = 0.01,
    offset: float = 0.8,
    scalp: bool = True,
) -> Head:
    """Simulate a head with brain, dark skull and scalp, phase offset and wraps.

    The greatest magnitude is 1; ``noise`` is the standard deviation of its real part.
    """
    generator = torch.Generator().manual_seed(7)
    offsets = coordinates(shape, voxel_size)
    reach = 0.5 * min(n * size for n, size in zip(shape, voxel_size, strict=True))
    distance = offsets.square().sum(0).sqrt()
    brain = distance < 0.72 * reach
    tissue = brain | ((distance > 0.85 * reach) & (distance < 0.97 * reach) & scalp)
    centre = torch.tensor([0.3 * reach, 0.0, 0.0]).view(3, 1, 1, 1)
    positive = (offsets - centre).square().sum(0).sqrt() < 0.18 * reach
    negative = (offsets + centre).square().sum(0).sqrt() < 0.18 * reach
    chi = 0.4 * positive - 0.2 * negative
    local = forward_field(chi, voxel_size=voxel_size, b0_dir=b0_dir)
    # a ball of air behind the scalp, as its dipole far away
    source = offsets - torch.tensor([0.0, 1.15 * reach, 0.4 * reach]).view(3, 1, 1, 1)
    far = source.square().sum(0).sqrt().clamp(min=0.25 * reach)
    cosine = sum(b * part for b, part in zip(b0_dir, source, strict=True)) / far
    background = 9.4 / 3 * (0.2 * reach / far) ** 3 * (3 * cosine**2 - 1)
    total = local + background
    r2star = 25.0
    start = offset + 0.5 * offsets[0] / reach * offset
    signals = []
    for echo_time in echo_times:
        turns = 2 * math.pi * hz_per_ppm(B0) * total * echo_time
        signal = torch.polar(tissue * math.exp(-r2star * echo_time), turns + start)
        real, imaginary = noise * torch.randn(2, *shape, generator=generator)
        signals.append(signal + torch.complex(real, imaginary))
    signal = torch.stack(signals)
    echoes = MultiEcho(signal.abs(), signal.angle(), echo_times, B0, b0_dir, voxel_size)
    return Head(echoes, brain, chi, local, total, r2star, noise)
