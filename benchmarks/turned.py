"""How well heads that were turned and shifted are registered."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from benchmarks.heads import Case, simulate_head
from qsmnet_bids.registration import register
from qsmnet_bids.vectors import Vector

Array = NDArray[np.float64]

TURNS: tuple[tuple[Vector, float, Vector], ...] = (
    ((1, 0, 0), 5, (2, -1, 3)),
    ((1, 0, 0), -20, (0, 5, -8)),
    ((0, 1, 0), 20, (10, 0, 3)),
    ((0, 0, 1), 15, (-5, 5, 5)),
    ((1, 0, 0), 35, (0, -12, 8)),
    ((0, 1, 0), -35, (12, 3, -8)),
    ((1, 1, 0), 30, (8, 8, 8)),
    ((1, -1, 1), 40, (-8, 8, 9)),
    ((1, 0, 0), -40, (0, 15, 0)),
    ((0, 1, 0), 40, (-15, 0, 0)),
    ((1, 2, 3), 10, (3, 2, 1)),
    ((0, 1, 1), 25, (15, 0, 0)),
)
"""Axis, degrees, and shift in mm."""
WIDTH_TO_DEVIATION = 2.355


@dataclass(frozen=True)
class Row:
    """One pair of volumes.

    Parameters
    ----------
    axis, degrees, shift
        The motion; mm.
    angle_error, shift_error
        Degrees and mm.
    seconds
        Of processor time.
    """

    axis: str
    degrees: float
    shift: str
    angle_error: float
    shift_error: float
    seconds: float


def turned(
    case: Case, *, voxel_size: float = 3.0, noise: float = 0.0125, bias: float = 0.2
) -> Iterator[Row]:
    """Register a head to itself as it lay before, over and over.

    Parameters
    ----------
    case
        The head, of cubic voxels finer than ``voxel_size``.
    voxel_size
        Of the volumes that are registered, mm.
    noise
        Standard deviation in each channel, relative to bright tissue.
    bias
        Of the coils, which is another one in each volume, relative to their mean.
    """
    magnitude = simulate_head(case).echoes.magnitude[0].double().numpy()
    fine = case.voxel_size[0]
    width = math.sqrt((voxel_size / fine) ** 2 - 1) / WIDTH_TO_DEVIATION
    head = gaussian_filter(magnitude, width)
    top = float(np.percentile(head[head > 0.1 * head.max()], 90))
    rng = np.random.default_rng([case.seed, 7])

    def scanned(rotation: Array, shift: Array) -> torch.Tensor:
        seen = _moved(head, rotation, shift, step=voxel_size / fine)
        seen = seen * _coils(seen.shape, rng, bias)
        real, imaginary = noise * top * rng.standard_normal((2, *seen.shape))
        return torch.from_numpy(np.hypot(seen + real, imaginary)).float()

    fixed = scanned(np.eye(3), np.zeros(3))
    for axis, degrees, shift in TURNS:
        rotation = _rotation(axis, degrees)
        moving = scanned(rotation, np.array(shift) / fine)
        start = time.process_time()
        found = register(moving, fixed, voxel_size=(voxel_size,) * 3)
        seconds = time.process_time() - start
        off = found.rotation.numpy() @ rotation.T
        angle = math.degrees(math.acos(min(1.0, (float(np.trace(off)) - 1) / 2)))
        missed = float(np.linalg.norm(found.shift.numpy() - np.array(shift)))
        yield Row(str(axis), degrees, str(shift), angle, missed, seconds)


def _rotation(axis: Vector, degrees: float) -> Array:
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _moved(head: Array, rotation: Array, shift: Array, *, step: float) -> Array:
    """Resample, at every ``step`` voxels, a head that was turned about the centre and shifted."""
    shape = np.ceil(np.array(head.shape) / step).astype(int)
    matrix = rotation.T * step
    centre, middle = (np.array(head.shape) - 1) / 2, (shape - 1) / 2
    offset = centre - matrix @ middle - rotation.T @ shift
    moved: Array = affine_transform(head, matrix, offset, tuple(shape), order=3)
    return moved


def _coils(shape: tuple[int, ...], rng: np.random.Generator, amount: float) -> Array:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing='ij')
    terms = np.stack([x, y, z, x * x, y * y, z * z, x * y, y * z, x * z])
    field: Array = 1 + amount * np.tensordot(rng.uniform(-0.6, 0.6, len(terms)), terms, 1)
    return field
