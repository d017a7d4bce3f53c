"""The acquisition grid, and where each of its voxels lies in a subject's head."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from qsmnet_bids.phantom.shapes import Box, Positions
from qsmnet_bids.physics.orientation import b0_dir_from_affine
from qsmnet_bids.vectors import Vector

FIELD_OF_VIEW_MM = (197.0, 233.0, 189.0)
CENTRE_MM = (0.0, -18.0, 22.0)
"""Of the field of view, in MNI coordinates."""
NECK_MM = 72.0
"""Sources are followed this far below the field of view."""
N_WAVES = 2
WAVE_MM = 1.2


@dataclass(frozen=True)
class Grid:
    """An acquisition grid that is tilted together with the head in it.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    n_below
        Slices below the field of view, in which there are sources but nothing is acquired.
    voxel_size
        mm.
    affine
        Voxel to scanner coordinates in mm, 4 x 4.
    b0_dir
        Unit vector along B0, the scanner's z, in voxel axes.
    """

    shape: tuple[int, int, int]
    n_below: int
    voxel_size: Vector
    affine: np.ndarray
    b0_dir: Vector

    def axes(self) -> list[torch.Tensor]:
        """Coordinates in the head's frame along x, y, z, mm, the slices below included."""
        axes = []
        for n, size, middle in zip(self.shape, self.voxel_size, CENTRE_MM, strict=True):
            axes.append(middle + (torch.arange(n) - (n - 1) / 2) * size)
        below = axes[2][0] - self.voxel_size[2] * torch.arange(self.n_below, 0, -1)
        return [axes[0], axes[1], torch.cat([below, axes[2]])]


@dataclass(frozen=True)
class Pose:
    """How a subject's head differs from the template.

    Template position = matrix (position - shift) + sum of waves, with wave i
    amplitude_i sin(2 pi frequency_i . position + start_i).

    Parameters
    ----------
    matrix
        Rotation and scale, 3 x 3.
    shift
        mm.
    amplitudes
        mm, one vector per wave, shape ``(wave, 3)``.
    frequencies
        1/mm, shape ``(wave, 3)``.
    starts
        rad, one per wave.
    """

    matrix: np.ndarray
    shift: np.ndarray
    amplitudes: np.ndarray
    frequencies: np.ndarray
    starts: np.ndarray


def make_grid(voxel_size: Vector, oblique: float) -> Grid:
    """Lay a grid over the head and tilt both about the left-right axis.

    Parameters
    ----------
    voxel_size
        mm.
    oblique
        Degrees.
    """
    if min(voxel_size) < 0.3 or max(voxel_size) > 10:
        raise ValueError(f'voxel_size must be within 0.3 to 10 mm, got {voxel_size}')
    if not -90 <= oblique <= 90:
        raise ValueError(f'oblique must be within -90 to 90 degrees, got {oblique}')
    x, y, z = (round(f / v) for f, v in zip(FIELD_OF_VIEW_MM, voxel_size, strict=True))
    first = [c - (n - 1) / 2 * v for c, n, v in zip(CENTRE_MM, (x, y, z), voxel_size, strict=True)]
    cos, sin = math.cos(math.radians(oblique)), math.sin(math.radians(oblique))
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.asarray(voxel_size)
    affine[:3, 3] = rotation @ np.asarray(first)
    n_below = math.ceil(NECK_MM / voxel_size[2])
    return Grid((x, y, z), n_below, voxel_size, affine, b0_dir_from_affine(affine))


def random_pose(subject: np.random.Generator, session: np.random.Generator) -> Pose:
    """Draw the form of a head from one generator and its position from another.

    Parameters
    ----------
    subject
        Decides size and form: scale within 4 %, waves of a few mm.
    session
        Decides the position: shift within 3 mm, rotation within 3 degrees.
    """
    scale = subject.uniform(0.97, 1.05, 3)
    directions = subject.normal(size=(N_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    frequencies = directions / subject.uniform(80, 140, (N_WAVES, 1))
    amplitudes = subject.uniform(-WAVE_MM, WAVE_MM, (N_WAVES, 3))
    starts = subject.uniform(0, 2 * math.pi, N_WAVES)
    angles = np.radians(session.uniform(-3, 3, 3))
    matrix = _rotation(angles) * scale
    return Pose(matrix, session.uniform(-3, 3, 3), amplitudes, frequencies, starts)


def template_positions(grid: Grid, pose: Pose) -> Positions:
    """Give the position in the template of each voxel of the grid and of the slices below it.

    Parameters
    ----------
    grid
        The acquisition grid.
    pose
        Of the head in it.

    Returns
    -------
        mm, shape ``(3, x, y, n_below + z)``.
    """
    x, y, z = grid.axes()
    x, y, z = x[:, None, None], y[None, :, None], z[None, None, :]
    positions = torch.empty(3, x.shape[0], y.shape[1], z.shape[2])
    for i, row in enumerate(pose.matrix.tolist()):
        constant = float(pose.matrix[i] @ pose.shift)
        positions[i] = row[0] * x + row[1] * y + row[2] * z - constant
    for amplitude, frequency, start in zip(
        pose.amplitudes.tolist(), pose.frequencies.tolist(), pose.starts.tolist(), strict=True
    ):
        turns = frequency[0] * x + frequency[1] * y + frequency[2] * z
        wave = torch.sin(2 * math.pi * turns + start)
        for i in range(3):
            positions[i] += amplitude[i] * wave
    return positions


def box_of(bounds: Box, grid: Grid, pose: Pose) -> tuple[slice, slice, slice]:
    """Find the voxels that a box in the template can touch.

    Parameters
    ----------
    bounds
        Lowest and highest corner in the template, mm.
    grid, pose
        As for ``template_positions``.

    Returns
    -------
        Slices into the grid with the slices below; empty where the box lies outside.
    """
    corners = np.array(np.meshgrid(*zip(*bounds, strict=True), indexing='ij')).reshape(3, -1)
    in_head = np.linalg.solve(pose.matrix, corners) + pose.shift[:, None]
    margin = 1.1 * np.abs(pose.amplitudes).sum(axis=0).max() + 1.5 * max(grid.voxel_size)
    lowest, highest = in_head.min(axis=1) - margin, in_head.max(axis=1) + margin
    slices = []
    for axis, size in enumerate(grid.voxel_size):
        n_below = grid.n_below if axis == 2 else 0
        n = grid.shape[axis]
        first = CENTRE_MM[axis] - ((n - 1) / 2 + n_below) * size
        start = math.ceil((lowest[axis] - first) / size)
        stop = math.floor((highest[axis] - first) / size) + 1
        slices.append(slice(min(max(start, 0), n + n_below), min(max(stop, 0), n + n_below)))
    return slices[0], slices[1], slices[2]


def _rotation(angles: np.ndarray) -> np.ndarray:
    rotation = np.eye(3)
    for i, angle in enumerate(angles):
        j, k = (i + 1) % 3, (i + 2) % 3
        step = np.eye(3)
        step[j, j] = step[k, k] = math.cos(angle)
        step[j, k], step[k, j] = -math.sin(angle), math.sin(angle)
        rotation = step @ rotation
    return rotation
