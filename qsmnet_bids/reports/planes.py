"""Slices in three planes, turned to the subject's axes and tiled on one canvas."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import nibabel.orientations
import numpy as np
from PIL import Image

from qsmnet_bids.physics.orientation import voxel_size_from_affine
from qsmnet_bids.vectors import Vector

SAGITTAL, CORONAL, AXIAL = 0, 1, 2
EDGES = {SAGITTAL: ('P', 'A'), CORONAL: ('L', 'R'), AXIAL: ('L', 'R')}
"""What lies at the left and the right edge of a slice's picture."""

Shade = Callable[[np.ndarray], np.ndarray]
"""From the values of a slice to grey values 0 to 255."""

_GAP = 6


@dataclass(frozen=True)
class Grid:
    """A volume's axes after they were turned to right, anterior, superior.

    Parameters
    ----------
    orientation
        Of the stored volume, as ``nibabel.orientations`` has it, shape ``(3, 2)``.
    affine
        Of the turned volume, to scanner coordinates in mm, 4 x 4.
    box
        Index range of the region of interest in the turned volume, shape ``(3, 2)``.
    """

    orientation: np.ndarray
    affine: np.ndarray
    box: np.ndarray

    @property
    def voxel_size(self) -> Vector:
        """Of the turned volume, mm."""
        return voxel_size_from_affine(self.affine)

    def turn(self, volume: np.ndarray) -> np.ndarray:
        """Turn a stored volume to right, anterior, superior."""
        return np.asarray(nibabel.orientations.apply_orientation(volume, self.orientation))

    def position(self, axis: int, index: int) -> float:
        """Scanner coordinate of a slice's centre, mm."""
        centre = self.box.mean(axis=1) - 0.5
        centre[axis] = index
        return float((self.affine @ [*centre, 1.0])[axis])


@dataclass(frozen=True)
class Tile:
    """One slice on the canvas.

    Parameters
    ----------
    axis, index
        Which slice of the turned volume.
    x, y, width, height
        Place on the canvas, pixels from its upper left corner.
    """

    axis: int
    index: int
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


def grid_around(mask: np.ndarray, affine: np.ndarray, *, margin_mm: float = 4.0) -> Grid:
    """Find the axes and the box around a mask.

    Parameters
    ----------
    mask
        True inside, shape ``(x, y, z)``.
    affine
        Voxel to scanner coordinates in mm, 4 x 4.
    margin_mm
        Room left around the mask, mm.
    """
    if not mask.any():
        raise ValueError('mask must not be empty: there is nothing to draw')
    orientation = nibabel.orientations.io_orientation(affine)
    turned_affine = affine @ nibabel.orientations.inv_ornt_aff(orientation, mask.shape)
    turned = nibabel.orientations.apply_orientation(mask, orientation)
    box = np.empty((3, 2), dtype=int)
    for axis, size in enumerate(voxel_size_from_affine(turned_affine)):
        others = tuple({0, 1, 2} - {axis})
        inside = np.flatnonzero(turned.any(axis=others))
        margin = round(margin_mm / size)
        box[axis] = max(inside[0] - margin, 0), min(inside[-1] + margin + 1, turned.shape[axis])
    return Grid(orientation, turned_affine, box)


def spread(grid: Grid, axis: int, count: int) -> list[Tile]:
    """Choose slices across the box, away from its ends.

    Parameters
    ----------
    grid
        Axes and box.
    axis
        ``SAGITTAL``, ``CORONAL`` or ``AXIAL``.
    count
        Slices wanted; fewer come back where the box has fewer.
    """
    low, high = grid.box[axis]
    wanted = low + np.linspace(0.18, 0.82, count) * (high - low)
    return [Tile(axis, int(index)) for index in np.unique(wanted.astype(int))]


def arrange(
    rows: list[list[Tile]], grid: Grid, *, left: int, right: int
) -> tuple[list[list[Tile]], int]:
    """Place rows of slices under one another, all at one scale.

    Parameters
    ----------
    rows
        Slices of each row.
    grid
        Axes and box.
    left, right
        Columns of the canvas between which the slices lie, pixels.

    Returns
    -------
        The rows with every tile's place, and the canvas's height in pixels.
    """
    width = right - left
    extent = (grid.box[:, 1] - grid.box[:, 0]) * np.array(grid.voxel_size)
    widths = [[extent[_across(tile.axis)] for tile in row] for row in rows]
    scale = min(
        (width - _GAP * (len(row) + 1)) / sum(row_widths)
        for row, row_widths in zip(rows, widths, strict=True)
    )
    placed, y = [], _GAP
    for row, row_widths in zip(rows, widths, strict=True):
        sizes = [
            (round(across * scale), round(extent[_up(tile.axis)] * scale))
            for tile, across in zip(row, row_widths, strict=True)
        ]
        # spare room goes between the tiles, so that rows of narrower slices are not ragged
        spare = (width - sum(size[0] for size in sizes)) / (len(row) + 1)
        height, x, tiles = max(size[1] for size in sizes), left + spare, []
        for tile, (tile_width, tile_height) in zip(row, sizes, strict=True):
            top = y + (height - tile_height) // 2
            tiles.append(replace(tile, x=int(x), y=top, width=tile_width, height=tile_height))
            x += tile_width + spare
        placed.append(tiles)
        y += height + _GAP
    return placed, y


def picture(
    volume: np.ndarray, grid: Grid, tile: Tile, *, smooth: bool, shade: Shade | None = None
) -> np.ndarray:
    """Cut one slice as it is seen: anterior or superior up, the subject's left at the left.

    Parameters
    ----------
    volume
        Turned by ``grid.turn``; further axes come last.
    grid
        Axes and box.
    tile
        Which slice, and its size in pixels.
    smooth
        Interpolate between voxels; False for data that wraps and for masks.
    shade
        Of the slice; None for a volume of grey values.

    Returns
    -------
        8-bit grey, shape ``(height, width)``.
    """
    ranges = [slice(low, high) for low, high in grid.box]
    ranges[tile.axis] = slice(tile.index, tile.index + 1)
    seen = volume[tuple(ranges)].squeeze(axis=tile.axis).swapaxes(0, 1)[::-1]
    seen = seen if shade is None else shade(seen)
    resampling = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    image = Image.fromarray(np.ascontiguousarray(seen, dtype=np.uint8))
    return np.asarray(image.resize((max(tile.width, 1), max(tile.height, 1)), resampling))


def _across(axis: int) -> int:
    return 1 if axis == SAGITTAL else 0


def _up(axis: int) -> int:
    return 1 if axis == AXIAL else 2
