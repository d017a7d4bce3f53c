"""Rigid registration of one head's volumes, and what it does to the direction of B0.

The squared difference of the volumes, scaled to each other, is minimised over three angles and
three shifts by SciPy's L-BFGS-B, coarse to fine. R. H. Byrd et al., SIAM J. Sci. Comput.
16:1190-1208, 1995, doi:10.1137/0916069.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from qsmnet_bids.tensors import ResampledVolume, Volume
from qsmnet_bids.vectors import Vector

LEVELS = (4, 2, 1)
"""Widths of the blocks of voxels that are averaged, coarse to fine."""
ANGLE_MM = 50.0
"""Distance at which an angle moves a point by as much as a shift of the same number does."""
STARTS_DEG = (-25.0, 25.0)
"""Turns about each axis with which the coarsest search begins, beside none."""

APART_MM = 3.0
"""Ends of a search that are nearer than this are one."""


@dataclass(frozen=True)
class Rigid:
    """How a head moved between two volumes of one grid.

    A point p of the fixed volume, mm from the volume's centre along its axes, lies at
    rotation p + shift in the moving one.

    Parameters
    ----------
    rotation
        3 x 3, float64.
    shift
        mm, float64.
    """

    rotation: Float[Tensor, '3 3']
    shift: Float[Tensor, '3']


def register(moving: Volume, fixed: Volume, *, voxel_size: Vector) -> Rigid:
    """Find where the head of one volume lies in another.

    Parameters
    ----------
    moving, fixed
        Of like contrast, such as two magnitudes; any unit, one shape.
    voxel_size
        mm.
    """
    if moving.shape != fixed.shape:
        raise ValueError(
            f'moving and fixed must have one shape, got {tuple(moving.shape)} '
            f'and {tuple(fixed.shape)}'
        )
    if not bool(moving.any()) or not bool(fixed.any()):
        raise ValueError('moving and fixed must not be zero everywhere')
    shift = _centre(moving, voxel_size) - _centre(fixed, voxel_size)
    starts = [np.concatenate((angles, shift)) for angles in _turns()]
    widths = [width for width in LEVELS if min(fixed.shape) // width >= 8]
    for width in widths:
        level = [_averaged(volume, width) for volume in (moving, fixed)]
        sizes = tuple(size * width for size in voxel_size)
        found = _minima(level[0], level[1], (sizes[0], sizes[1], sizes[2]), starts)
        # the coarsest level does not tell well which of them is the least
        starts = found if width == widths[0] else found[:1]
    values = torch.from_numpy(starts[0])
    return Rigid(_rotation(values[:3] / ANGLE_MM), values[3:])


def bring_back(
    volume: Volume, motion: Rigid, *, voxel_size: Vector, nearest: bool = False
) -> Volume:
    """Resample the moving volume where the fixed one lies.

    Parameters
    ----------
    volume
        Any unit, on the moving volume's grid.
    motion
        As ``register`` gives it.
    voxel_size
        mm.
    nearest
        Whether to take the nearest voxel, as for a mask, and not to interpolate linearly.

    Returns
    -------
        Zero where the moving volume does not reach.
    """
    motion = Rigid(motion.rotation.to(volume), motion.shift.to(volume))
    return _sample(volume, motion, voxel_size, 'nearest' if nearest else 'bilinear')


def turn_back(b0_dir: Vector, motion: Rigid) -> Vector:
    """Give the direction of B0, known in the moving volume's axes, in the fixed head's.

    Parameters
    ----------
    b0_dir
        Unit vector along B0 in the axes of the moving volume.
    motion
        As ``register`` gives it.
    """
    x, y, z = (motion.rotation.T @ torch.tensor(b0_dir, dtype=torch.float64)).tolist()
    return x, y, z


def _turns() -> list[np.ndarray]:
    """Give the angles of no turn, and of one either way about each axis."""
    axes = np.eye(3) * math.radians(1) * ANGLE_MM
    return [np.zeros(3), *(degrees * axis for axis in axes for degrees in STARTS_DEG)]


def _minima(
    moving: Volume, fixed: Volume, voxel_size: Vector, starts: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Go downhill from each start, and give where these ways end, the lowest place first."""
    moving, fixed = moving.double(), fixed.double()
    energy = float(fixed.square().sum())

    def cost(unknowns: np.ndarray) -> tuple[float, np.ndarray]:
        values = torch.tensor(unknowns, dtype=torch.float64, requires_grad=True)
        motion = Rigid(_rotation(values[:3] / ANGLE_MM), values[3:])
        found = _sample(moving, motion, voxel_size, 'bilinear')
        scale = (found * fixed).sum() / found.square().sum().clamp(min=1e-30)
        loss = (scale * found - fixed).square().sum() / energy
        (slope,) = torch.autograd.grad(loss, values)
        return loss.item(), slope.numpy()

    ends = [minimize(cost, start, jac=True, method='L-BFGS-B') for start in starts]
    found: list[np.ndarray] = []
    for end in sorted(ends, key=lambda end: float(end.fun)):
        if all(float(np.abs(end.x - other).max()) > APART_MM for other in found):
            found.append(end.x)
    return found


def _rotation(angles: Tensor) -> Tensor:
    """Turn by a vector of angles, rad: the exponential of its cross product."""
    x, y, z = angles.unbind()
    zero = torch.zeros_like(x)
    rows = [torch.stack(row) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    rotation: Tensor = torch.linalg.matrix_exp(torch.stack(rows))
    return rotation


def _sample(volume: Volume, motion: Rigid, voxel_size: Vector, mode: str) -> Volume:
    size = torch.tensor(voxel_size, dtype=volume.dtype, device=volume.device)
    half = size * (torch.tensor(volume.shape, device=volume.device) / 2)
    # grid_sample has its ends at -1 and 1, and the last axis first
    matrix = motion.rotation.to(volume) * half / half[:, None]
    shift = motion.shift.to(volume) / half
    theta = torch.cat((matrix.flip(0, 1), shift.flip(0)[:, None]), dim=1)
    shape = [1, 1, *volume.shape]
    grid = torch.nn.functional.affine_grid(theta[None], shape, align_corners=False)
    return torch.nn.functional.grid_sample(
        volume[None, None], grid, mode=mode, align_corners=False
    )[0, 0]


def _averaged(volume: Volume, width: int) -> ResampledVolume:
    padding = [(-n) % width for n in volume.shape]
    even = [(part // 2, part - part // 2) for part in padding]
    grown = torch.nn.functional.pad(volume, (*even[2], *even[1], *even[0]))
    return torch.nn.functional.avg_pool3d(grown[None], width)[0]


def _centre(volume: Volume, voxel_size: Vector) -> np.ndarray:
    weight = volume.abs().double()
    middle = [
        float((weight.sum(others) * torch.arange(n, device=weight.device)).sum() / weight.sum())
        for n, others in zip(volume.shape, ((1, 2), (0, 2), (0, 1)), strict=True)
    ]
    return (np.array(middle) - (np.array(volume.shape) - 1) / 2) * np.array(voxel_size)
