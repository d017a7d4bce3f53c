"""Figures of one run as PNG files: mosaics in three planes and a histogram.

The same input gives the same bytes.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qsmnet_bids.bidsio.atomic import write_bytes
from qsmnet_bids.reports.canvas import (
    BAR_WIDTH,
    NAME_WIDTH,
    WIDTH,
    Row,
    compose,
    finish,
)
from qsmnet_bids.reports.captions import CHI_WINDOW, EXTRA_WINDOWS, LOCAL_WINDOW, figure_label
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
from qsmnet_bids.reports.windows import Window, percentile, sample, symmetric

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
    r2star: np.ndarray | None = None,
    residual: np.ndarray | None = None,
    unwrapped: np.ndarray | None = None,
    uncertainty: np.ndarray | None = None,
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
        Field, ppm, zero outside the mask, shape ``(x, y, z)``.
    chi
        Susceptibility, ppm, zero where it is not known, shape ``(x, y, z)``.
    affine
        Voxel to scanner coordinates in mm, 4 x 4: tells left from right and the voxel's size.
    inversion
        What the susceptibility map is called by; stands in the names of its own figures, so that
        maps of several methods keep their own.
    suffix
        Of the run's files.
    r2star, residual, unwrapped, uncertainty
        Decay rate (1/s), field of the map minus the local field (ppm), phase without wraps (rad)
        and standard deviation of the susceptibility (ppm), zero outside the mask, shape
        ``(x, y, z)``; None for no picture.
    swi, minip
        Susceptibility-weighted image and its projection, any unit, shape ``(x, y, z)``; both or
        neither.

    Returns
    -------
        The files, ``<prefix>_desc-<what>_<suffix>.png``.
    """
    mask = np.asarray(mask, dtype=bool)
    _check_shapes(mask, magnitude=magnitude, phase=phase, total=total, local=local, chi=chi)
    extras = {
        'r2star': r2star,
        'residual': residual,
        'unwrapped': unwrapped,
        'uncertainty': uncertainty,
        'swi': swi,
        'minip': minip,
    }
    given = {name: volume for name, volume in extras.items() if volume is not None}
    _check_shapes(mask, **given)
    grid, voxels = grid_around(mask, affine), sample(mask)
    samples = magnitude.reshape(len(magnitude), -1)[:, voxels]
    peak = percentile(samples, 99.5)
    pngs = {
        'magnitude': _echo_strips(magnitude, grid, Window(0.0, peak), smooth=True),
        'phase': _echo_strips(phase, grid, Window(-math.pi, math.pi, 'rad'), smooth=False),
        'mask': _outlined(magnitude, mask, grid, peak=percentile(_combine(samples.T), 99.5)),
        'totalfield': _three_planes(total, grid, symmetric(total.flat[voxels], 'ppm')),
        'localfield': _three_planes(local, grid, Window(*LOCAL_WINDOW, 'ppm')),
        'chi': _three_planes(chi, grid, Window(*CHI_WINDOW, 'ppm')),
        'histogram': histogram(chi[mask & (chi != 0)]),
        **_extras(given, voxels, grid),
    }
    grey = Window(0.0, peak).to_grey(magnitude[0])
    pngs['viewer'] = pack(grey, chi, mask & (chi != 0), grid)
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


def _extras(given: Mapping[str, np.ndarray], voxels: np.ndarray, grid: Grid) -> dict[str, bytes]:
    """Draw what not every run has."""
    pngs = {
        name: _three_planes(given[name], grid, Window(*window), size=True)
        for name, window in EXTRA_WINDOWS.items()
        if name in given
    }
    if 'unwrapped' in given:
        phase = given['unwrapped']
        pngs['unwrapped'] = _three_planes(phase, grid, symmetric(phase.flat[voxels], 'rad'))
    if {'swi', 'minip'} <= set(given):
        pngs['swi'] = _image_and_projection(given['swi'], given['minip'], voxels, grid)
    return pngs


def _three_planes(volume: np.ndarray, grid: Grid, window: Window, *, size: bool = False) -> bytes:
    def shade(values: np.ndarray) -> np.ndarray:
        return window.to_grey_where_known(np.abs(values) if size else values)

    places, height = arrange(_planes(grid), grid, left=0, right=WIDTH - BAR_WIDTH)
    rows = [Row(grid.turn(volume), tiles) for tiles in places]
    canvas = compose(rows, grid, height, smooth=True, shade=shade)
    return finish(canvas, rows, grid, window=window)


def _outlined(magnitude: np.ndarray, mask: np.ndarray, grid: Grid, *, peak: float) -> bytes:
    echoes, window = np.moveaxis(magnitude, 0, -1), Window(0.0, peak)
    # as wide as the maps, which a page shows in the same place
    places, height = arrange(_planes(grid), grid, left=0, right=WIDTH - BAR_WIDTH)
    rows = [Row(grid.turn(echoes), tiles) for tiles in places]
    canvas = compose(
        rows, grid, height, smooth=True, shade=lambda seen: window.to_grey(_combine(seen))
    )
    shapes = [Row(grid.turn(mask.view(np.uint8)), tiles) for tiles in places]
    inside = compose(shapes, grid, height, smooth=True, shade=lambda seen: seen * np.uint8(255))
    return finish(canvas, rows, grid, window=window, outline=_edge(inside > 127))


def _combine(echoes: np.ndarray) -> np.ndarray:
    """Take the root mean square over the last axis."""
    return np.asarray(np.sqrt(np.square(echoes, dtype=np.float32).mean(axis=-1)))


def _image_and_projection(
    image: np.ndarray, projection: np.ndarray, voxels: np.ndarray, grid: Grid
) -> bytes:
    window = Window(0.0, percentile(image.flat[voxels], 99.5))
    strip = spread(grid, AXIAL, 6)
    places, height = arrange([strip, strip], grid, left=NAME_WIDTH, right=WIDTH)
    named = zip((image, projection), places, ('SWI', 'minIP'), strict=True)
    rows = [Row(grid.turn(volume), tiles, name, name == 'SWI') for volume, tiles, name in named]
    canvas = compose(rows, grid, height, smooth=True, shade=window.to_grey)
    return finish(canvas, rows, grid, window=window)


def _echo_strips(echoes: np.ndarray, grid: Grid, window: Window, *, smooth: bool) -> bytes:
    count = min(len(echoes), _MAX_ECHOES)
    chosen = np.unique(np.linspace(0, len(echoes) - 1, count).round().astype(int)).tolist()
    strip = [*spread(grid, AXIAL, 4), *spread(grid, CORONAL, 2), *spread(grid, SAGITTAL, 2)]
    right = WIDTH - (BAR_WIDTH if window.unit else 0)
    places, height = arrange([strip] * len(chosen), grid, left=NAME_WIDTH, right=right)
    rows = [
        Row(grid.turn(echoes[echo]), tiles, f'echo {echo + 1}', echo == 0)
        for echo, tiles in zip(chosen, places, strict=True)
    ]
    canvas = compose(rows, grid, height, smooth=smooth, shade=window.to_grey)
    return finish(canvas, rows, grid, window=window)


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
