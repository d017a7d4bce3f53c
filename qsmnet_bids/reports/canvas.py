"""From tiled slices to a PNG: labels, colour bar, compact and reproducible encoding."""

import functools
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qsmnet_bids.reports.planes import EDGES, Grid, Shade, Tile, picture
from qsmnet_bids.reports.windows import Window

WIDTH = 1400
BAR_WIDTH = 96
NAME_WIDTH = 30

INK, PAPER = 242, 0
OUTLINE = (255, 176, 0)
FONT_SIZE = 15
_STROKE = 2
_GREY_LEVELS = 96
_COMPRESSION = 4
_TICK = 5
_SPARE = 1
"""Index of the outline's colour in the palette: no level of grey."""


@dataclass(frozen=True)
class Row:
    """A row of slices of one volume.

    Parameters
    ----------
    volume
        Turned to right, anterior, superior; further axes come last.
    tiles
        Its slices and their places.
    name
        Written at the left, upwards; empty for none.
    labelled
        Whether the slices carry their position and the letters of their edges.
    """

    volume: np.ndarray
    tiles: list[Tile]
    name: str = ''
    labelled: bool = True


def compose(
    rows: list[Row], grid: Grid, height: int, *, smooth: bool, shade: Shade | None = None
) -> np.ndarray:
    """Put all slices on one black canvas.

    Parameters
    ----------
    rows
        Placed slices.
    grid
        Their axes and box.
    height
        Of the canvas, pixels.
    smooth
        Interpolate between voxels.
    shade
        Of each slice; None for volumes of grey values.

    Returns
    -------
        8-bit grey, shape ``(height, WIDTH)``.
    """
    canvas = np.zeros((height, WIDTH), dtype=np.uint8)
    for row in rows:
        for tile in row.tiles:
            place = slice(tile.y, tile.y + tile.height), slice(tile.x, tile.x + tile.width)
            canvas[place] = picture(row.volume, grid, tile, smooth=smooth, shade=shade)
    return canvas


def finish(
    canvas: np.ndarray,
    rows: list[Row],
    grid: Grid,
    *,
    window: Window,
    outline: np.ndarray | None = None,
) -> bytes:
    """Label a canvas and encode it.

    Parameters
    ----------
    canvas
        8-bit grey, shape ``(height, WIDTH)``.
    rows
        Placed slices.
    grid
        Their axes and box.
    window
        For the colour bar.
    outline
        True where the canvas gets the outline's colour, below the labels.

    Returns
    -------
        A PNG file.
    """
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for row in rows:
        _label(image, draw, row, grid)
    if window.unit:
        _bar(image, draw, window)
    # labels keep what they cover
    return encode(image, outline=None if outline is None else outline & (canvas == image))


def encode(image: Image.Image, *, outline: np.ndarray | None = None) -> bytes:
    """Encode a grey image as a compact PNG without metadata.

    Parameters
    ----------
    image
        8-bit grey.
    outline
        True where it gets the outline's colour.

    Returns
    -------
        A PNG file.
    """
    # fewer levels than 256 halve the file; the step stays below what a screen shows
    step = 255 / (_GREY_LEVELS - 1)
    levels = np.round(np.round(np.arange(256) / step) * step).astype(np.uint8)
    image = image.point(levels.tolist())
    if outline is not None:
        image = Image.fromarray(np.where(outline, np.uint8(_SPARE), np.asarray(image)))
        palette = np.repeat(np.arange(256), 3).reshape(256, 3)
        palette[_SPARE] = OUTLINE
        image.putpalette(palette.flatten().tolist())
    buffer = io.BytesIO()
    image.save(buffer, format='PNG', compress_level=_COMPRESSION)
    return buffer.getvalue()


@functools.cache
def font(size: int = FONT_SIZE) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give the font that Pillow carries, so that every machine draws the same.

    Parameters
    ----------
    size
        Pixels.
    """
    return ImageFont.load_default(size)


def write(draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, anchor: str) -> None:
    """Write light words with a dark rim, so that they are read on any ground.

    Parameters
    ----------
    draw
        Of a grey image.
    place
        x, y of the anchor, pixels.
    words
        One line.
    anchor
        As Pillow has it: ``la`` for the upper left corner, ``mm`` for the middle.
    """
    draw.text(
        place,
        words,
        fill=INK,
        font=font(),
        anchor=anchor,
        stroke_width=_STROKE,
        stroke_fill=PAPER,
    )


def _label(image: Image.Image, draw: ImageDraw.ImageDraw, row: Row, grid: Grid) -> None:
    first = row.tiles[0]
    if row.name:
        middle = first.y + max(tile.height for tile in row.tiles) / 2
        _write_upwards(image, (NAME_WIDTH / 2, middle), row.name)
    if not row.labelled:
        return
    seen: set[int] = set()
    for tile in row.tiles:
        where = f'{"xyz"[tile.axis]} = {grid.position(tile.axis, tile.index):.0f} mm'
        write(draw, (tile.x + 3, tile.y + tile.height - 3), where, 'ld')
        if tile.axis not in seen:
            low, high = EDGES[tile.axis]
            write(draw, (tile.x + 3, tile.y + 3), low, 'la')
            write(draw, (tile.x + tile.width - 3, tile.y + 3), high, 'ra')
        seen.add(tile.axis)


def _write_upwards(image: Image.Image, centre: tuple[float, float], words: str) -> None:
    width, height = round(font().getlength(words)) + 2 * _STROKE, 2 * FONT_SIZE
    label = Image.new(image.mode, (width, height))
    write(ImageDraw.Draw(label), (width / 2, height / 2), words, 'mm')
    image.paste(
        label.rotate(90, expand=True), (int(centre[0] - height / 2), int(centre[1] - width / 2))
    )


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, window: Window) -> None:
    length = min(260, image.height - 80)
    left, top = WIDTH - BAR_WIDTH + 26, (image.height - length) // 2
    right, bottom = left + 16, top + length
    ramp = np.linspace(255, 0, length).round().astype(np.uint8)
    image.paste(Image.fromarray(np.repeat(ramp[:, None], right - left, axis=1)), (left, top))
    draw.rectangle((left - 1, top - 1, right, bottom), outline=INK)
    write(draw, ((left + right) / 2, top - 12), window.unit, 'md')
    for tick, name in window.ticks():
        y = bottom - (tick - window.low) / (window.high - window.low) * length
        draw.line((right, y, right + _TICK, y), fill=INK)
        write(draw, (right + _TICK + 4, y), name, 'lm')
