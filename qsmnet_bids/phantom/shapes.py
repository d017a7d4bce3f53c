"""Geometric shapes in head coordinates, with edges that are shared between voxels."""

import itertools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qsmnet_bids.tensors import Volume
from qsmnet_bids.vectors import Vector

Positions = Float[Tensor, '3 x y z']
Box = tuple[Vector, Vector]


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned in the axial plane.

    Parameters
    ----------
    centre
        mm.
    radii
        Half axes along x, y, z before the turn, mm.
    turn
        Angle about z from x towards y, degrees.
    """

    centre: Vector
    radii: Vector
    turn: float = 0.0

    @property
    def bounds(self) -> Box:
        """Lowest and highest corner of a box that holds the shape, mm."""
        return _grow((self.centre,), max(self.radii))

    def coverage(self, positions: Positions, *, edge: float) -> Volume:
        """Fraction of each voxel that lies inside the shape.

        Parameters
        ----------
        positions
            Centre of each voxel, mm.
        edge
            Width over which the fraction falls from 1 to 0, mm.
        """
        x, y, z = (positions[i] - self.centre[i] for i in range(3))
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        turned = (x * cos + y * sin, y * cos - x * sin, z)
        squares = [(t / r) ** 2 for t, r in zip(turned, self.radii, strict=True)]
        level = (squares[0] + squares[1] + squares[2]).sqrt()
        steeper = [square / r**2 for square, r in zip(squares, self.radii, strict=True)]
        slope = (steeper[0] + steeper[1] + steeper[2]).sqrt() / level.clamp_min(1e-6)
        # first-order distance; exact for a sphere, where slope is 1 / radius
        distance = (level - 1) / slope.clamp_min(1 / max(self.radii))
        return soft_step(-distance, edge=edge)


@dataclass(frozen=True)
class Tube:
    """A round tube along straight pieces, with round ends.

    Parameters
    ----------
    path
        Points on the axis, mm, at least two.
    radius
        mm.
    """

    path: tuple[Vector, ...]
    radius: float

    @property
    def bounds(self) -> Box:
        """Lowest and highest corner of a box that holds the shape, mm."""
        return _grow(self.path, self.radius)

    def pieces(self) -> tuple['Tube', ...]:
        """Cut the tube into its straight pieces, so that each has a small box of its own."""
        pairs = itertools.pairwise(self.path)
        return tuple(Tube((start, end), self.radius) for start, end in pairs)

    def coverage(self, positions: Positions, *, edge: float) -> Volume:
        """Fraction of each voxel that lies inside the shape; thin tubes keep their cross section.

        Parameters
        ----------
        positions
            Centre of each voxel, mm.
        edge
            Width over which the fraction falls from 1 to 0, mm.
        """
        nearest = torch.full(positions.shape[1:], math.inf, dtype=positions.dtype)
        for start, end in itertools.pairwise(self.path):
            nearest = torch.minimum(nearest, _distance_to_segment(positions, start, end))
        fraction = soft_step(self.radius - nearest, edge=edge)
        return fraction * _cross_section_ratio(self.radius, edge)


def soft_step(depth: Volume, *, edge: float) -> Volume:
    """Turn the depth below a surface into the fraction of a voxel that lies below it.

    Parameters
    ----------
    depth
        Distance to the surface, positive inside, mm.
    edge
        Width over which the fraction falls from 1 to 0, mm.
    """
    if edge <= 0:
        raise ValueError(f'edge must be positive, got {edge}')
    return (depth / edge + 0.5).clamp(0, 1)


def shell(distance: Volume, *, inner: float, outer: float, edge: float) -> Volume:
    """Fraction of each voxel that lies between two surfaces of equal distance.

    Parameters
    ----------
    distance
        Signed distance from a body, positive outside, mm.
    inner, outer
        Distances of the two surfaces, mm.
    edge
        Width over which the fraction falls from 1 to 0, mm.
    """
    if inner >= outer:
        raise ValueError(f'inner must be less than outer, got {inner} and {outer}')
    below = soft_step(outer - distance, edge=edge)
    return below - soft_step(inner - distance, edge=edge).minimum(below)


def mirrored(shape: Ellipsoid | Tube) -> Ellipsoid | Tube:
    """Mirror a shape at the plane x = 0."""
    if isinstance(shape, Tube):
        return Tube(tuple((-x, y, z) for x, y, z in shape.path), shape.radius)
    x, y, z = shape.centre
    return Ellipsoid((-x, y, z), shape.radii, -shape.turn)


def _distance_to_segment(positions: Positions, start: Vector, end: Vector) -> Volume:
    offset = [positions[i] - start[i] for i in range(3)]
    axis = [end[i] - start[i] for i in range(3)]
    squared_length = sum(component**2 for component in axis)
    along = sum(offset[i] * axis[i] for i in range(3)) / max(squared_length, 1e-12)
    along = torch.as_tensor(along).clamp(0, 1)
    squared = sum((offset[i] - along * axis[i]) ** 2 for i in range(3))
    return torch.as_tensor(squared).sqrt()


def _cross_section_ratio(radius: float, edge: float) -> float:
    """Area of a disc over that of its soft profile."""
    if radius >= edge / 2:
        return radius**2 / (radius**2 + edge**2 / 12)
    return 3 * radius**2 * edge / (radius + edge / 2) ** 3


def _grow(points: tuple[Vector, ...], margin: float) -> Box:
    low = [min(point[i] for point in points) - margin for i in range(3)]
    high = [max(point[i] for point in points) + margin for i in range(3)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
