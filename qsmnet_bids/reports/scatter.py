"""A scatter plot with a robust line, as SVG that needs no script and reads in grey."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsmnet_bids.reports.plots import nice_ticks
from qsmnet_bids.reports.theil_sen import Line
from qsmnet_bids.reports.values import MINUS

WIDTH, HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BASE = 62, WIDTH - 14, 12, HEIGHT - 34
_MOST_DOTS = 300
_CELLS = (46, 30)
"""Of the picture of the density, where there are more points."""

Bounds = tuple[float, float]
Scale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Point:
    """A participant on the plot.

    Parameters
    ----------
    x, y
        Pixels.
    name
        Shown when it is pointed at.
    link
        To the report; empty where there is none.
    """

    x: float
    y: float
    name: str
    link: str


@dataclass(frozen=True)
class Scatter:
    """What the template draws.

    Parameters
    ----------
    points
        Participants; empty where there are too many.
    cells
        x, y, width, height and opacity of the density's cells; empty where there are points.
    x_ticks, y_ticks
        Place and words.
    line
        x and y of both ends.
    """

    points: list[Point]
    cells: list[tuple[float, float, float, float, float]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    line: tuple[float, float, float, float]


def lay_out_scatter(
    x: np.ndarray, y: np.ndarray, labels: Sequence[str], links: Mapping[str, str], line: Line
) -> Scatter:
    """Place points, axes and line.

    Parameters
    ----------
    x, y
        Any units, shape ``(n,)``; x not all equal.
    labels
        Of the participants, without ``sub-``.
    links
        To their reports, by label.
    line
        Through the points.
    """
    x_ticks, y_ticks = nice_ticks(*_bounds(x)), nice_ticks(*_bounds(y))
    across, down = _scale(x_ticks, _LEFT, _RIGHT), _scale(y_ticks, _BASE, _TOP)
    places = (across(x), down(y))
    many = len(x) > _MOST_DOTS
    ends = _within(line, _bounds(x), (y_ticks[0], y_ticks[-1]))
    heights = down(line.intercept + line.slope * ends)
    return Scatter(
        points=[]
        if many
        else [
            Point(float(a), float(b), f'sub-{label}', links.get(label, ''))
            for a, b, label in zip(*places, labels, strict=True)
        ],
        cells=_density(*places) if many else [],
        x_ticks=_words(x_ticks, across),
        y_ticks=_words(y_ticks, down),
        line=(
            float(across(ends)[0]),
            float(heights[0]),
            float(across(ends)[1]),
            float(heights[1]),
        ),
    )


def _within(line: Line, x: Bounds, y: Bounds) -> np.ndarray:
    """Give the ends in x between which the line is on the plot."""
    if line.slope == 0:
        return np.array(x)
    crossings = sorted((bound - line.intercept) / line.slope for bound in y)
    return np.clip(np.array(x), crossings[0], crossings[1])


def _scale(ticks: Sequence[float], first: float, last: float) -> Scale:
    """Go from a unit to pixels, the outer ticks at the ends."""
    slope = (last - first) / (ticks[-1] - ticks[0])

    def scale(values: np.ndarray) -> np.ndarray:
        return first + (values - ticks[0]) * slope

    return scale


def _bounds(values: np.ndarray) -> Bounds:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    return low, high


def _words(ticks: Sequence[float], scale: Scale) -> list[tuple[float, str]]:
    places = scale(np.array(ticks))
    return [
        (float(place), f'{tick:.6g}'.replace('-', MINUS))
        for place, tick in zip(places, ticks, strict=True)
    ]


def _density(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float, float, float, float]]:
    counts, x_edges, y_edges = np.histogram2d(
        x, y, bins=_CELLS, range=((_LEFT, _RIGHT), (_TOP, _BASE))
    )
    width, height = x_edges[1] - x_edges[0], y_edges[1] - y_edges[0]
    # the root keeps single points visible
    shade = 0.12 + 0.88 * np.sqrt(counts / counts.max())
    return [
        (float(x_edges[i]), float(y_edges[j]), float(width), float(height), float(shade[i, j]))
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]
