"""The complex multi-echo gradient-echo signal of a phantom.

Spoiled steady state with mono-exponential decay; the loss within a voxel follows from the
gradient of the field across it. J. P. Marques et al., Magn. Reson. Med. 86:526-542, 2021,
doi:10.1002/mrm.28716.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.phantom.anatomy import WHITE
from qsmnet_bids.phantom.brain import BrainPhantom
from qsmnet_bids.phantom.field import Fields, fields
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import MultiEcho, Volume

ECHO_TIMES = (0.004, 0.012, 0.020, 0.028)
"""s."""
FLIP_ANGLE_DEG = 15.0
AFTER_LAST_ECHO_S = 0.007
WHITE_MATTER_SIGNAL = 1000.0
"""Magnitude of pure white matter at time zero and mean receive sensitivity."""
NOISE = 0.0125
BIAS = 0.2
OFFSET_RAD = 0.8


@dataclass(frozen=True)
class Simulation:
    """What the scanner would measure, and the fields behind it.

    Parameters
    ----------
    echoes
        Magnitude and wrapped phase.
    fields
        Total and local field.
    phase_offset
        At time zero, rad, not wrapped.
    """

    echoes: MultiEcho
    fields: Fields
    phase_offset: Volume


def simulate(
    phantom: BrainPhantom,
    *,
    echo_times: tuple[float, ...] = ECHO_TIMES,
    b0: float = 3.0,
    noise: float = NOISE,
    seed: int = 0,
) -> Simulation:
    """Simulate one multi-echo acquisition.

    signal_n = sensitivity m(T1, rho) exp(-TE_n R2*) s(TE_n) exp(i (offset + 2 pi f TE_n)) + noise,
    where m is the spoiled steady state, f the total field in Hz and s the loss to its gradient.

    Parameters
    ----------
    phantom
        Sources and tissue properties.
    echo_times
        s, increasing.
    b0
        T; R2* grows in proportion to it.
    noise
        Standard deviation of the real and of the imaginary part, as a fraction of white matter's
        signal at time zero.
    seed
        Of noise, receive sensitivity and phase offset.
    """
    _check(echo_times, b0, noise)
    generator = np.random.default_rng([seed, 2])
    total = fields(phantom)
    frequency = total.total * hz_per_ppm(b0)
    gradients = [_step(frequency, axis) for axis in range(3)]
    steady = _steady_state(phantom, repetition_time(echo_times))
    sensitivity = 1 + BIAS * _smooth(frequency.shape, generator)
    offset = OFFSET_RAD * _smooth(frequency.shape, generator)
    scale = WHITE_MATTER_SIGNAL / white_matter_steady_state(repetition_time(echo_times))
    magnitude, phase = [], []
    for echo_time in echo_times:
        amplitude = scale * sensitivity * steady
        amplitude *= torch.exp(-echo_time * phantom.r2star * (b0 / 3))
        for gradient in gradients:
            # the first zero of sinc is total loss; beyond it the sign would turn the phase
            loss = torch.sinc((gradient * echo_time).abs().clamp_(max=1))
            amplitude *= loss.clamp_(min=0)
        angle = offset + 2 * math.pi * echo_time * frequency
        signal = torch.polar(amplitude, angle)
        if noise:
            signal += noise * WHITE_MATTER_SIGNAL * _complex_noise(signal.shape, generator)
        magnitude.append(signal.abs())
        # torch rounds by how many threads share the work, numpy does not
        phase.append(torch.from_numpy(np.angle(signal.numpy())))
    echoes = MultiEcho(
        magnitude=torch.stack(magnitude),
        phase=torch.stack(phase),
        echo_times=echo_times,
        b0=b0,
        b0_dir=phantom.grid.b0_dir,
        voxel_size=phantom.grid.voxel_size,
    )
    return Simulation(echoes, total, offset)


def repetition_time(echo_times: tuple[float, ...]) -> float:
    """Give the repetition time that goes with the echo times, s."""
    return echo_times[-1] + AFTER_LAST_ECHO_S


def white_matter_steady_state(repetition: float) -> float:
    """Give the signal of pure white matter per unit of sensitivity at time zero.

    Parameters
    ----------
    repetition
        Repetition time, s.
    """
    density, t1 = torch.tensor(WHITE.proton_density), torch.tensor(WHITE.t1)
    return float(_spoiled(density, t1, repetition))


def _check(echo_times: tuple[float, ...], b0: float, noise: float) -> None:
    if not echo_times or min(echo_times) <= 0:
        raise ValueError(f'echo_times must be positive, got {echo_times}')
    if max(echo_times) > 1:
        raise ValueError(f'echo_times must be in s, got {echo_times}; milliseconds?')
    if list(echo_times) != sorted(set(echo_times)):
        raise ValueError(f'echo_times must increase, got {echo_times}')
    if not 0 < b0 <= 20:
        raise ValueError(f'b0 must be within 0 to 20 T, got {b0}')
    if not 0 <= noise <= 1:
        raise ValueError(f'noise must be within 0 and 1, got {noise}')


def _steady_state(phantom: BrainPhantom, repetition: float) -> Volume:
    return _spoiled(phantom.proton_density, phantom.t1, repetition)


def _spoiled(density: Tensor, t1: Tensor, repetition: float) -> Tensor:
    angle = math.radians(FLIP_ANGLE_DEG)
    kept = torch.exp(-repetition / t1)
    return density * math.sin(angle) * (1 - kept) / (1 - math.cos(angle) * kept)


def _step(volume: Volume, axis: int) -> Volume:
    """Change per voxel along an axis: central differences, one-sided at the ends."""
    return torch.gradient(volume, dim=axis)[0]


def _smooth(shape: torch.Size, generator: np.random.Generator) -> Volume:
    """Draw a quadratic polynomial of the position, between about -1 and 1 in the head."""
    x, y, z = (torch.linspace(-1, 1, n) for n in shape)
    x, y, z = x[:, None, None], y[None, :, None], z[None, None, :]
    terms = (x, y, z, x**2 - 0.3, y**2 - 0.3, z**2 - 0.3, x * y, y * z, z * x)
    volume = torch.zeros(shape)
    for term, weight in zip(terms, generator.uniform(-0.6, 0.6, len(terms)), strict=True):
        volume += float(weight) * term
    return volume.clamp(-2, 2)


def _complex_noise(shape: torch.Size, generator: np.random.Generator) -> Tensor:
    parts = generator.standard_normal((*shape, 2), dtype=np.float32)
    return torch.view_as_complex(torch.from_numpy(parts))
