"""The distribution of one measure over the runs, as SVG that needs no script and reads in grey."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsmnet_bids.reports.values import MINUS

WIDTH, HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BASE = 22, WIDTH - 22, 24, 116
_MOST_DOTS = 200
_LEVELS = 11


@dataclass(frozen=True)
class Dot:
    """A run on the plot.

    Parameters
    ----------
    x, y
        Pixels.
    name
        Shown when it is pointed at.
    link
        To the report; empty where there is none.
    is_outlier
        Drawn as an open diamond.
    """

    x: float
    y: float
    name: str
    link: str
    is_outlier: bool


@dataclass(frozen=True)
class Plot:
    """What the template draws.

    Parameters
    ----------
    dots
        Runs drawn singly: all of them, or the outliers alone where there are many runs.
    bars
        x, y, width and height of a histogram's bars; empty where all runs are dots.
    ticks
        Place and words on the axis.
    median
        Place of the median, pixels.
    """

    dots: list[Dot]
    bars: list[tuple[float, float, float, float]]
    ticks: list[tuple[float, str]]
    median: float


def lay_out(
    values: np.ndarray, names: Sequence[str], links: Sequence[str], outlying: np.ndarray
) -> Plot:
    """Place the values of one measure.

    Parameters
    ----------
    values
        Any unit, shape ``(n,)``, n at least 1.
    names, links
        Of the runs, and to their reports.
    outlying
        True where a run is marked, shape ``(n,)``.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    scale = (_RIGHT - _LEFT - 16) / (high - low)
    places = _LEFT + 8 + (values - low) * scale
    many = len(values) > _MOST_DOTS
    shown = [run for run in range(len(values)) if outlying[run] or not many]
    heights = np.full(len(shown), _TOP + 4.0) if many else _swarm(places)
    return Plot(
        dots=[
            Dot(float(places[run]), float(y), names[run], links[run], bool(outlying[run]))
            for run, y in zip(shown, heights, strict=True)
        ],
        bars=_bars(places) if many else [],
        ticks=[
            (_LEFT + 8 + (tick - low) * scale, f'{tick:.6g}'.replace('-', MINUS)) for tick in ticks
        ],
        median=float(np.median(places)),
    )


def _swarm(places: np.ndarray) -> np.ndarray:
    """Stack dots that would touch, outwards from the middle."""
    middle, taken = (_TOP + _BASE) / 2, [-np.inf] * _LEVELS
    heights = np.empty(len(places))
    for run in np.argsort(places, kind='stable'):
        free = [level for level in range(_LEVELS) if places[run] - taken[level] >= 8]
        level = free[0] if free else int(np.argmin(taken))
        taken[level] = places[run]
        heights[run] = middle + (-1) ** level * ((level + 1) // 2) * 7.5
    return heights


def _bars(places: np.ndarray) -> list[tuple[float, float, float, float]]:
    counts, edges = np.histogram(places, bins=48, range=(_LEFT, _RIGHT))
    heights = counts / counts.max() * (_BASE - _TOP - 14)
    return [
        (float(edge), float(_BASE - height), float(edges[1] - edges[0]), float(height))
        for edge, height in zip(edges[:-1], heights, strict=True)
        if height > 0
    ]


def nice_ticks(low: float, high: float) -> list[float]:
    """Give three to six round numbers, the outer of which enclose a range.

    Parameters
    ----------
    low, high
        Ends of the range, low below high.

    >>> nice_ticks(0.03, 1.71)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    power = 10.0 ** np.floor(np.log10((high - low) / 3))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= 4)
    first, last = np.floor(low / step), np.ceil(high / step)
    return [float(round(step * count, 12)) for count in np.arange(first, last + 1)]
