"""Figures of one run as PNG files: mosaics in three planes and a histogram.

The same input gives the same bytes.
"""

import math
from pathlib import Path

import numpy as np

from qsmnet_bids.bidsio.atomic import write_bytes
from qsmnet_bids.reports.canvas import (
    BAR_WIDTH,
    NAME_WIDTH,
    WIDTH,
    Row,
    Window,
    compose,
    finish,
)
from qsmnet_bids.reports.captions import CHI_WINDOW, LOCAL_WINDOW, figure_label
from qsmnet_bids.reports.histogram import histogram
from qsmnet_bids.reports.packing import pack
from qsmnet_bids.reports.planes import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Grid,
    Tile,
    arrange,
    grid_around,
    spread,
)

_OUTLINE = (255, 176, 0)
_MAX_ECHOES = 8


def draw_figures(  # noqa: PLR0913  one argument per map, named as the sidecars name them
    prefix: Path,
    *,
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    total: np.ndarray,
    local: np.ndarray,
    chi: np.ndarray,
    affine: np.ndarray,
    inversion: str,
    suffix: str = 'MEGRE',
    swi: np.ndarray | None = None,
    minip: np.ndarray | None = None,
) -> list[Path]:
    """Draw all figures of a run.

    Parameters
    ----------
    prefix
        Folder and run name: ``sub-01/figures/sub-01_run-1``.
    magnitude
        Any unit, shape ``(echo, x, y, z)``.
    phase
        Wrapped, rad, shape ``(echo, x, y, z)``.
    mask
        True inside, shape ``(x, y, z)``.
    total, local
        Field, ppm, shape ``(x, y, z)``.
    chi
        Susceptibility, ppm, zero where it is not known, shape ``(x, y, z)``.
    affine
        Voxel to scanner coordinates in mm, 4 x 4: tells left from right and the voxel's size.
    inversion
        What the susceptibility map is called by; stands in the names of its own figures, so that
        maps of several methods keep their own.
    suffix
        Of the run's files.
    swi, minip
        Susceptibility-weighted image and its projection, any unit, shape ``(x, y, z)``; both or
        neither.

    Returns
    -------
        The files, ``<prefix>_desc-<what>_<suffix>.png``.
    """
    mask = np.asarray(mask, dtype=bool)
    _check_shapes(mask, magnitude=magnitude, phase=phase, total=total, local=local, chi=chi)
    grid = grid_around(mask, affine)
    peak = _percentile(magnitude[:, mask], 99.5)
    limit = _round_up(_percentile(np.abs(total[mask]), 99.0))
    pngs = {
        'magnitude': _echo_strips(magnitude, grid, Window(0.0, peak), smooth=True),
        'phase': _echo_strips(phase, grid, Window(-math.pi, math.pi, 'rad'), smooth=False),
        'mask': _outlined(magnitude, mask, grid),
        'totalfield': _three_planes(total, mask, grid, Window(-limit, limit, 'ppm')),
        'localfield': _three_planes(local, mask, grid, Window(*LOCAL_WINDOW, 'ppm')),
        'chi': _three_planes(chi, mask, grid, Window(*CHI_WINDOW, 'ppm')),
        'histogram': histogram(chi[mask & (chi != 0)]),
    }
    grey = Window(0.0, peak).to_grey(magnitude[0])
    pngs['viewer'] = pack(grey, chi, mask & (chi != 0), grid)
    if swi is not None and minip is not None:
        _check_shapes(mask, swi=swi, minip=minip)
        pngs['swi'] = _image_and_projection(swi, minip, mask, grid)
    paths = []
    for what, png in pngs.items():
        description = figure_label(what, inversion)
        path = prefix.with_name(f'{prefix.name}_desc-{description}_{suffix}.png')
        write_bytes(path, png)
        paths.append(path)
    return paths


def _check_shapes(mask: np.ndarray, **volumes: np.ndarray) -> None:
    for name, volume in volumes.items():
        expected = (len(volume), *mask.shape) if name in {'magnitude', 'phase'} else mask.shape
        if volume.shape != expected:
            raise ValueError(f'{name} must have shape {expected}, got {volume.shape}')


def _three_planes(volume: np.ndarray, mask: np.ndarray, grid: Grid, window: Window) -> bytes:
    grey = window.to_grey(volume)
    grey[~mask | (volume == 0)] = 0
    turned = grid.turn(grey)
    places, height = arrange(_planes(grid), grid, left=0, right=WIDTH - BAR_WIDTH)
    rows = [Row(turned, tiles) for tiles in places]
    return finish(compose(rows, grid, height, smooth=True), rows, grid, window=window)


def _outlined(magnitude: np.ndarray, mask: np.ndarray, grid: Grid) -> bytes:
    combined = np.sqrt(
        sum(np.square(echo, dtype=np.float32) for echo in magnitude) / len(magnitude)
    )
    window = Window(0.0, _percentile(combined[mask], 99.5))
    turned, turned_mask = grid.turn(window.to_grey(combined)), grid.turn(mask.astype(np.uint8))
    places, height = arrange(_planes(grid), grid, left=0, right=WIDTH)
    rows = [Row(turned, tiles) for tiles in places]
    grey = compose(rows, grid, height, smooth=True)
    shapes = [Row(turned_mask * np.uint8(255), tiles) for tiles in places]
    inside = compose(shapes, grid, height, smooth=True) > 127
    canvas = np.repeat(grey[..., None], 3, axis=2)
    canvas[_edge(inside)] = _OUTLINE
    return finish(canvas, rows, grid, window=window)


def _image_and_projection(
    image: np.ndarray, projection: np.ndarray, mask: np.ndarray, grid: Grid
) -> bytes:
    window = Window(0.0, _percentile(image[mask], 99.5))
    strip = spread(grid, AXIAL, 6)
    places, height = arrange([strip, strip], grid, left=NAME_WIDTH, right=WIDTH)
    named = zip((image, projection), places, ('SWI', 'minIP'), strict=True)
    rows = [
        Row(grid.turn(window.to_grey(volume)), tiles, name, name == 'SWI')
        for volume, tiles, name in named
    ]
    return finish(compose(rows, grid, height, smooth=True), rows, grid, window=window)


def _echo_strips(echoes: np.ndarray, grid: Grid, window: Window, *, smooth: bool) -> bytes:
    count = min(len(echoes), _MAX_ECHOES)
    chosen = np.unique(np.linspace(0, len(echoes) - 1, count).round().astype(int)).tolist()
    strip = [*spread(grid, AXIAL, 4), *spread(grid, CORONAL, 2), *spread(grid, SAGITTAL, 2)]
    right = WIDTH - (BAR_WIDTH if window.unit else 0)
    places, height = arrange([strip] * len(chosen), grid, left=NAME_WIDTH, right=right)
    rows = [
        Row(grid.turn(window.to_grey(echoes[echo])), tiles, f'echo {echo + 1}', echo == 0)
        for echo, tiles in zip(chosen, places, strict=True)
    ]
    return finish(compose(rows, grid, height, smooth=smooth), rows, grid, window=window)


def _planes(grid: Grid) -> list[list[Tile]]:
    return [spread(grid, axis, 6) for axis in (AXIAL, CORONAL, SAGITTAL)]


def _edge(inside: np.ndarray) -> np.ndarray:
    core = inside.copy()
    for axis in (0, 1):
        core &= np.roll(inside, 1, axis) & np.roll(inside, -1, axis)
    # two pixels wide, or it is lost on a small screen
    inner = core.copy()
    for axis in (0, 1):
        inner &= np.roll(core, 1, axis) & np.roll(core, -1, axis)
    return np.asarray(inside & ~inner)


def _percentile(values: np.ndarray, percent: float) -> float:
    finite = values[np.isfinite(values)]
    value = float(np.percentile(finite, percent)) if finite.size else 0.0
    return value if value > 0 else 1.0


def _round_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)
