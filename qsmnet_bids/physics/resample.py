"""Turn a volume so that B0 lies along z and voxels are cubes, and back."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.tensors import ResampledVolume, Volume
from qsmnet_bids.vectors import Vector

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """How two grids lie to each other; both have the same centre.

    Parameters
    ----------
    rotation
        From millimetres on the image's axes to millimetres on the frame's, 3 x 3, float64.
    voxel_size
        Of the image, mm.
    edge
        Of the frame's cubes, mm.
    image_shape, frame_shape
        Voxels.
    """

    rotation: Tensor
    voxel_size: Vector
    edge: float
    image_shape: Shape
    frame_shape: Shape


def b0_frame(shape: Shape, *, voxel_size: Vector, b0_dir: Vector) -> Frame | None:
    """Find the frame in which B0 lies along z and voxels are cubes of the image's shortest edge.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm.
    b0_dir
        Unit vector along B0 in voxel axes; the field does not depend on its sign.

    Returns
    -------
        The frame, large enough to hold the whole image; None if the image has it already: B0
        within 0.1 degrees of z, edges within 1 %.
    """
    edge = min(voxel_size)
    if abs(b0_dir[2]) > math.cos(math.radians(0.1)) and max(voxel_size) < 1.01 * edge:
        return None
    rotation = _rotation_to_z(b0_dir)
    extent = torch.tensor([n * size for n, size in zip(shape, voxel_size, strict=True)])
    sides = (rotation.abs() @ extent.double() / edge).ceil().int().tolist()
    return Frame(rotation, voxel_size, edge, shape, (sides[0], sides[1], sides[2]))


def to_frame(volume: Volume, frame: Frame) -> ResampledVolume:
    """Resample an image to its frame, linearly, zero outside.

    Parameters
    ----------
    volume
        Any unit, shape ``frame.image_shape``.
    frame
        As ``b0_frame`` gives it.

    Returns
    -------
        Shape ``frame.frame_shape``.
    """
    scale = torch.tensor(frame.voxel_size, dtype=torch.float64)
    matrix = frame.rotation.T * frame.edge / scale[:, None]
    return _sample(volume, matrix, frame.frame_shape)


def from_frame(volume: Volume, frame: Frame) -> ResampledVolume:
    """Resample back to the image's grid, linearly, zero outside.

    Parameters
    ----------
    volume
        Any unit, shape ``frame.frame_shape``.
    frame
        As ``b0_frame`` gives it.

    Returns
    -------
        Shape ``frame.image_shape``.
    """
    scale = torch.tensor(frame.voxel_size, dtype=torch.float64)
    matrix = frame.rotation * scale / frame.edge
    return _sample(volume, matrix, frame.image_shape)


def _rotation_to_z(direction: Vector) -> Tensor:
    """Smallest rotation that brings a direction, or its opposite, to z (Rodrigues)."""
    unit = torch.tensor(direction, dtype=torch.float64)
    unit = unit / unit.norm() * (-1 if unit[2] < 0 else 1)
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    x, y, _ = torch.linalg.cross(unit, z).tolist()
    cross = torch.tensor([[0.0, 0.0, y], [0.0, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    return torch.eye(3, dtype=torch.float64) + cross + cross @ cross / (1 + unit[2])


def _sample(volume: Volume, matrix: Tensor, shape: Shape) -> ResampledVolume:
    """Interpolate at ``matrix`` times the voxel positions of ``shape``, both from the centre."""
    matrix = matrix.to(volume.device)
    centred = [
        torch.arange(n, device=volume.device, dtype=torch.float64) - (n - 1) / 2 for n in shape
    ]
    grid = torch.empty((*shape, 3), device=volume.device, dtype=volume.dtype)
    for axis, n in enumerate(volume.shape):
        row = matrix[axis]
        place = (
            row[0] * centred[0][:, None, None] + row[1] * centred[1][:, None] + row[2] * centred[2]
        )
        # grid_sample wants the last axis first and the volume's ends at -1 and 1
        grid[..., 2 - axis] = 2 * place / max(1, n - 1)
    sampled = torch.nn.functional.grid_sample(volume[None, None], grid[None], align_corners=True)
    return sampled[0, 0]
