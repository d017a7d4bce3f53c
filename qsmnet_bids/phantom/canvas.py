"""Maps of tissue properties onto which one tissue after the other is painted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qsmnet_bids.phantom.anatomy import Shape, Tissue
from qsmnet_bids.phantom.grid import Grid, Pose, box_of, template_positions
from qsmnet_bids.phantom.shapes import Box, Positions, Tube
from qsmnet_bids.tensors import Volume

Part = tuple[slice, slice, slice]
WHOLE: Part = (slice(None), slice(None), slice(None))


@dataclass(frozen=True)
class Canvas:
    """Susceptibility, proton density, R2* and T1 on a grid and the slices below it, or on a box.

    Parameters
    ----------
    grid
        The acquisition grid.
    pose
        Of the head in it.
    positions
        In the template, mm.
    maps
        Susceptibility, proton density, R2* and T1, painted in place.
    corner
        Index of this canvas's first voxel in the whole.
    """

    grid: Grid
    pose: Pose
    positions: Positions
    maps: Float[Tensor, '4 x y z']
    corner: tuple[int, int, int] = (0, 0, 0)

    @property
    def edge(self) -> float:
        """Width of a shape's edge, mm."""
        return math.cbrt(math.prod(self.grid.voxel_size))

    def part_of(self, *boxes: Box) -> Part:
        """Find the part of this canvas that boxes in the template can touch."""
        parts = [box_of(box, self.grid, self.pose) for box in boxes]
        slices = []
        for axis, first in enumerate(self.corner):
            start = min(part[axis].start for part in parts) - first
            stop = max(part[axis].stop for part in parts) - first
            slices.append(slice(max(start, 0), max(stop, 0)))
        return slices[0], slices[1], slices[2]

    def window(self, *boxes: Box) -> 'Canvas':
        """Cut out the part that boxes in the template can touch; painting it paints the whole."""
        part = self.part_of(*boxes)
        x, y, z = (c + s.start for c, s in zip(self.corner, part, strict=True))
        maps, positions = self.maps[:, *part], self.positions[:, *part]
        return Canvas(self.grid, self.pose, positions, maps, (x, y, z))

    def cover(self, shapes: Iterable[Shape]) -> Volume:
        """Fraction of each voxel that lies in any of the shapes.

        Parameters
        ----------
        shapes
            In template coordinates.
        """
        fraction = torch.zeros(self.positions.shape[1:])
        for shape in shapes:
            for piece in shape.pieces() if isinstance(shape, Tube) else (shape,):
                part = self.part_of(piece.bounds)
                covered = piece.coverage(self.positions[:, *part], edge=self.edge)
                fraction[part] = torch.maximum(fraction[part], covered)
        return fraction

    def paint(self, fraction: Volume, tissue: Tissue) -> None:
        """Replace a fraction of each voxel by a tissue.

        Parameters
        ----------
        fraction
            In [0, 1].
        tissue
            What fills that fraction.
        """
        self.blend(fraction, properties_of(tissue))

    def blend(self, fraction: Volume, properties: Float[Tensor, '4 a b c']) -> None:
        """Replace a fraction of each voxel by the given properties.

        Parameters
        ----------
        fraction
            In [0, 1].
        properties
            Susceptibility, proton density, R2*, T1; per voxel or for all.
        """
        for own, other in zip(self.maps, properties, strict=True):
            own.lerp_(other, fraction)


def blank_canvas(grid: Grid, pose: Pose, ground: Tissue) -> Canvas:
    """Fill a canvas with one tissue.

    Parameters
    ----------
    grid, pose
        Of the canvas.
    ground
        The tissue.
    """
    positions = template_positions(grid, pose)
    return Canvas(grid, pose, positions, properties_of(ground).repeat(1, *positions.shape[1:]))


def properties_of(tissue: Tissue) -> Float[Tensor, '4 1 1 1']:
    """Give susceptibility, proton density, R2* and T1 as a tensor."""
    values = [tissue.chi, tissue.proton_density, tissue.r2star, tissue.t1]
    return torch.tensor(values)[:, None, None, None]
