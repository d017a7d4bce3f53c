"""From tiled slices to a PNG: labels, colour bar, compact and reproducible encoding."""

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from qsmnet_bids.reports.planes import EDGES, Grid, Tile, picture

WIDTH = 1400
BAR_WIDTH = 96
NAME_WIDTH = 30

_DPI = 100
FONT = 'DejaVu Sans'
FONT_SIZE = 10
"""Comes with matplotlib, so that every machine draws the same."""

_INK = '#f2f2f2'
_GREY_LEVELS = 96
_COMPRESSION = 6


@dataclass(frozen=True)
class Row:
    """A row of slices of one volume.

    Parameters
    ----------
    volume
        Grey values 0 to 255, turned to right, anterior, superior.
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


@dataclass(frozen=True)
class Window:
    """The values that are shown as black and white.

    Parameters
    ----------
    low, high
        In ``unit``.
    unit
        Written above the bar; without one no bar is drawn.
    """

    low: float
    high: float
    unit: str = ''

    def to_grey(self, volume: np.ndarray) -> np.ndarray:
        """Scale a volume to 0..255; what is not finite becomes black."""
        scaled = (volume - np.float32(self.low)) * np.float32(255 / (self.high - self.low))
        scaled[~np.isfinite(scaled)] = 0
        grey: np.ndarray = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
        return grey


def compose(rows: list[Row], grid: Grid, height: int, *, smooth: bool) -> np.ndarray:
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

    Returns
    -------
        8-bit grey, shape ``(height, WIDTH)``.
    """
    canvas = np.zeros((height, WIDTH), dtype=np.uint8)
    for row in rows:
        for tile in row.tiles:
            place = slice(tile.y, tile.y + tile.height), slice(tile.x, tile.x + tile.width)
            canvas[place] = picture(row.volume, grid, tile, smooth=smooth)
    return canvas


def finish(canvas: np.ndarray, rows: list[Row], grid: Grid, *, window: Window) -> bytes:
    """Label a canvas and encode it.

    Parameters
    ----------
    canvas
        8-bit grey ``(height, WIDTH)`` or colour ``(height, WIDTH, 3)``.
    rows
        Placed slices.
    grid
        Their axes and box.
    window
        For the colour bar.

    Returns
    -------
        A PNG file.
    """
    height, width = canvas.shape[:2]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor='black')
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    extent = (0, width, height, 0)
    axes.imshow(canvas, cmap='gray', vmin=0, vmax=255, interpolation='none', extent=extent)
    for row in rows:
        _label(axes, row, grid)
    if window.unit:
        _bar(figure, window, height)
    return encode(figure)


def encode(figure: Figure) -> bytes:
    """Draw a figure to a palette PNG without metadata.

    Parameters
    ----------
    figure
        Any figure; nothing of matplotlib's global state is touched.

    Returns
    -------
        A PNG file: grey where the figure is grey, else 256 colours.
    """
    drawn = FigureCanvasAgg(figure)
    drawn.draw()  # type: ignore[no-untyped-call]  # matplotlib's own
    pixels = drawn.buffer_rgba()  # type: ignore[no-untyped-call]
    colours = np.asarray(pixels)[..., :3]
    if (colours == colours[..., :1]).all():
        # fewer levels than 256 halve the file; the step stays below what a screen shows
        step = 255 / (_GREY_LEVELS - 1)
        grey = np.round(np.round(colours[..., 0] / step) * step).astype(np.uint8)
        image = Image.fromarray(grey)
    else:
        image = Image.fromarray(np.ascontiguousarray(colours))
        image = image.quantize(_GREY_LEVELS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format='PNG', compress_level=_COMPRESSION)
    return buffer.getvalue()


def _label(axes: Axes, row: Row, grid: Grid) -> None:
    first = row.tiles[0]
    if row.name:
        middle = first.y + max(tile.height for tile in row.tiles) / 2
        _write(axes, NAME_WIDTH / 2, middle, row.name, 'center', 'center', rotation=90.0)
    if not row.labelled:
        return
    seen: set[int] = set()
    for tile in row.tiles:
        where = f'{"xyz"[tile.axis]} = {grid.position(tile.axis, tile.index):.0f} mm'
        _write(axes, tile.x + 3, tile.y + tile.height - 3, where, 'left', 'bottom')
        if tile.axis not in seen:
            low, high = EDGES[tile.axis]
            _write(axes, tile.x + 3, tile.y + 3, low, 'left', 'top')
            _write(axes, tile.x + tile.width - 3, tile.y + 3, high, 'right', 'top')
        seen.add(tile.axis)


def _write(
    axes: Axes,
    x: float | int,
    y: float | int,
    words: str,
    horizontal: str,
    vertical: str,
    rotation: float = 0.0,
) -> None:
    axes.text(
        x,
        y,
        words,
        color=_INK,
        ha=horizontal,
        va=vertical,
        rotation=rotation,
        path_effects=[withStroke(linewidth=3, foreground='black')],
        fontfamily=FONT,
        fontsize=FONT_SIZE,
    )


def _bar(figure: Figure, window: Window, height: int) -> None:
    length = min(260, height - 80)
    bottom = (height - length) / 2
    place = ((WIDTH - BAR_WIDTH + 26) / WIDTH, bottom / height, 16 / WIDTH, length / height)
    axes = figure.add_axes(place)
    ramp = np.linspace(0, 255, 256)[:, None]
    extent = (0, 1, window.low, window.high)
    axes.imshow(ramp, cmap='gray', vmin=0, vmax=255, origin='lower', aspect='auto', extent=extent)
    axes.set_xticks([])
    ticks = _ticks(window)
    words = ['-π', '-π/2', '0', 'π/2', 'π'] if window.unit == 'rad' else [f'{t:g}' for t in ticks]
    axes.set_yticks(ticks)
    axes.set_yticklabels(words, fontfamily=FONT, fontsize=FONT_SIZE)
    axes.yaxis.tick_right()
    axes.tick_params(color=_INK, labelcolor=_INK, length=4)
    axes.set_title(window.unit, color=_INK, pad=8, fontfamily=FONT, fontsize=FONT_SIZE)
    for spine in axes.spines.values():
        spine.set_color(_INK)


def _ticks(window: Window) -> list[float]:
    low, high = window.low, window.high
    if low == -high:
        return [low, low / 2, 0.0, high / 2, high]
    count = round((high - low) / 0.1)
    return [round(low + 0.1 * step, 3) for step in range(count + 1)]
