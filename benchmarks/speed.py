"""Time and memory of every method at several sizes, with an FFT pair of that size as the unit."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.accuracy import fit, invert, limit, remove
from benchmarks.process import measure
from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import LocalField, MultiEcho, TotalField
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS

Shape = tuple[int, int, int]
ECHO_TIMES = (0.004, 0.012, 0.020, 0.028)
B0 = 3.0
AXIAL = (0.0, 0.0, 1.0)
CUBES = (1.0, 1.0, 1.0)
N_FFTS = 5


@dataclass(frozen=True)
class Row:
    """One method at one size.

    Parameters
    ----------
    stage, method
        What was called.
    shape
        Voxels, as ``x x y x z``.
    seconds
        Wall time, s.
    peak_gb
        Of the process, interpreter, libraries and input included, GB.
    ffts
        Wall time relative to a real Fourier transform of that size and back.
    """

    stage: str
    method: str
    shape: str
    seconds: float
    peak_gb: float
    ffts: float


@dataclass(frozen=True)
class Growth:
    """How a method's time grows with the volume.

    Parameters
    ----------
    stage, method
        What was called.
    exponent
        Of the number of voxels, fitted to the logarithms.
    """

    stage: str
    method: str
    exponent: float


def speed(
    shapes: Sequence[Shape], *, methods: Sequence[str] = (), n_threads: int | None = None
) -> Iterator[Row]:
    """Time every method at every size, each in a process of its own.

    Parameters
    ----------
    shapes
        Voxels in x, y, z.
    methods
        Names; empty for all.
    n_threads
        Of each process; None for as many as there are cores.
    """
    for shape in shapes:
        echoes, total, local = _make(shape)
        unit = measure(_fft_seconds, shape, n_threads).value
        calls: list[tuple[str, str, Callable[..., object], tuple[object, ...]]] = [
            ('unwrapping', name, _unwrap, (echoes, total.mask, name)) for name in UNWRAPPINGS
        ]
        calls += [
            ('fieldmap', name, fit, (echoes, total.mask, name, 'laplacian')) for name in FIELDMAPS
        ]
        calls += [('background', name, remove, (total, name)) for name in BACKGROUNDS]
        calls += [('inversion', name, invert, (local, name)) for name in INVERSIONS]
        for stage, name, call, arguments in calls:
            if methods and name not in methods:
                continue
            done = measure(call, *arguments, n_threads)
            words = ' x '.join(str(n) for n in shape)
            yield Row(stage, name, words, done.seconds, done.peak_gb, done.seconds / unit)


def growth(rows: Sequence[Row]) -> list[Growth]:
    """Fit a power of the number of voxels to each method's times.

    Parameters
    ----------
    rows
        Of two sizes at least.
    """
    found = []
    for stage, method in dict.fromkeys((row.stage, row.method) for row in rows):
        own = [row for row in rows if (row.stage, row.method) == (stage, method)]
        sizes = [math.log(math.prod(map(int, row.shape.split(' x ')))) for row in own]
        if len(set(sizes)) < 2:
            continue
        slope = np.polyfit(sizes, [math.log(row.seconds) for row in own], 1)[0]
        found.append(Growth(stage, method, float(slope)))
    return found


def _make(shape: Shape) -> tuple[MultiEcho, TotalField, LocalField]:
    """Fill an ellipsoid as large as a head in its field of view with smooth random sources."""
    generator = torch.Generator().manual_seed(0)
    axes = [torch.linspace(-1, 1, n) for n in shape]
    radius = (axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2).sqrt()
    mask = radius < 0.8
    coarse = torch.randn((1, 1, 24, 24, 24), generator=generator) * 0.08
    chi = torch.nn.functional.interpolate(coarse, shape, mode='trilinear')[0, 0] * mask
    outside = torch.where(radius > 0.9, 9.4, 0.0)
    field = forward_field(chi + outside, voxel_size=CUBES, b0_dir=AXIAL, margin_mm=16.0)
    field = field - field[mask].mean()
    times = torch.tensor(ECHO_TIMES)[:, None, None, None]
    noise = 0.02 * torch.randn((len(ECHO_TIMES), *shape), generator=generator)
    turns = 2 * math.pi * hz_per_ppm(B0) * field * times + noise
    phase = torch.remainder(turns + math.pi, 2 * math.pi) - math.pi
    magnitude = torch.exp(-20 * times) * torch.where(radius < 1, 1.0, 0.01)
    echoes = MultiEcho(magnitude.contiguous(), phase, ECHO_TIMES, B0, AXIAL, CUBES)
    known = {'magnitude': torch.linalg.vector_norm(magnitude, dim=0), 'r2star': mask * 20.0}
    total = TotalField(field * mask, mask * 0.002, mask, CUBES, AXIAL, **known)
    return echoes, total, vsharp(total)


def _unwrap(echoes: MultiEcho, mask: Tensor, method: str, n_threads: int | None) -> None:
    limit(n_threads)
    UNWRAPPINGS[method](echoes, mask=mask)


def _fft_seconds(shape: Shape, n_threads: int | None) -> float:
    limit(n_threads)
    volume, seconds = torch.randn(shape), []
    for _ in range(N_FFTS):
        start = time.perf_counter()
        torch.fft.irfftn(torch.fft.rfftn(volume), s=shape)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
