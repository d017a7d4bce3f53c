"""A sphere in fields of several directions, on grids of several voxel sizes."""

import math

import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField
from tests.simulated import coordinates

CASES = [
    ((48, 48, 48), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ((48, 48, 48), (1.0, 1.0, 1.0), (0.0, 0.5, math.sqrt(0.75))),
    ((60, 60, 24), (0.8, 0.8, 2.0), (0.36, 0.48, 0.8)),
]
CHI = 0.3


def sphere_in_field(shape, voxel_size, b0_dir, *, radius=6.0, head=None):
    """Give the sphere and its field in all of the volume, or in a ball of a radius, mm."""
    distance = coordinates(shape, voxel_size).square().sum(0).sqrt()
    ball = distance < radius
    field = forward_field(CHI * ball, voxel_size=voxel_size, b0_dir=b0_dir)
    mask = torch.ones(shape, dtype=torch.bool) if head is None else distance < head
    return ball, LocalField(field * mask, torch.zeros_like(field), mask, voxel_size, b0_dir)


def contrast(chi, ball):
    """Mean in the ball less that in the rest of the mask, ppm."""
    return float(chi.chi[ball].mean() - chi.chi[chi.mask & ~ball].mean())
