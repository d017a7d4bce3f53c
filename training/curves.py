"""Curves as SVG."""

import html
import math
from collections.abc import Callable
from dataclasses import dataclass

WIDTH, HEIGHT = 520, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 15, 30, 45

Scale = Callable[[float], float]


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Parameters
    ----------
    label
        Shown when it is pointed at.
    points
        Of x and y.
    colour, dash
        As SVG has them.
    """

    label: str
    points: list[tuple[float, float]]
    colour: str
    dash: str


def draw_curves(
    curves: list[Curve], *, x_label: str, y_label: str, is_logarithmic: bool = False
) -> str:
    """Draw curves with their axes.

    Parameters
    ----------
    curves
        Finite values; above zero where the axis is logarithmic.
    x_label, y_label
        Of the axes.
    is_logarithmic
        Whether the y axis is.

    Returns
    -------
        An ``svg`` element.
    """
    points = [point for curve in curves for point in curve.points]
    if not points:
        return f'<svg width="{WIDTH}" height="40"><text y="25">{y_label}: none yet</text></svg>'
    x_ticks = _ticks(0, max(x for x, _ in points))
    low, high = min(y for _, y in points), max(y for _, y in points)
    y_ticks = _decade_ticks(low, high) if is_logarithmic else _ticks(low, high)
    x_scale = _scale(x_ticks, LEFT, WIDTH - RIGHT)
    y_scale = _scale(y_ticks, HEIGHT - BOTTOM, TOP, is_logarithmic=is_logarithmic)
    lines = [_polyline(curve, x_scale, y_scale) for curve in curves if curve.points]
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(y_label)}">'
        f'<text x="{LEFT}" y="18" font-weight="bold">{html.escape(y_label)}</text>'
        f'{_axes(x_ticks, y_ticks, x_scale, y_scale)}'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f'{html.escape(x_label)}</text>{"".join(lines)}</svg>'
    )


def _axes(x_ticks: list[float], y_ticks: list[float], x_scale: Scale, y_scale: Scale) -> str:
    parts = []
    for tick in y_ticks:
        y = y_scale(tick)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
        )
    for tick in x_ticks:
        x = x_scale(tick)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f'{_short(tick)}</text>'
        )
    return ''.join(parts)


def _polyline(curve: Curve, x_scale: Scale, y_scale: Scale) -> str:
    places = [(x_scale(x), y_scale(y)) for x, y in curve.points]
    text = ' '.join(f'{x:.1f},{y:.1f}' for x, y in places)
    last_x, last_y = places[-1]
    return (
        f'<g><title>{html.escape(curve.label)}</title>'
        f'<polyline points="{text}" fill="none" stroke="{curve.colour}" stroke-width="2" '
        f'stroke-dasharray="{curve.dash}"/>'
        f'<circle cx="{last_x:.1f}" cy="{last_y:.1f}" r="3" fill="{curve.colour}"/></g>'
    )


def _scale(ticks: list[float], start: float, end: float, *, is_logarithmic: bool = False) -> Scale:
    def place(value: float) -> float:
        return math.log10(value) if is_logarithmic else value

    low, high = place(ticks[0]), place(ticks[-1])
    return lambda value: start + (end - start) * (place(value) - low) / (high - low)


def _ticks(low: float, high: float) -> list[float]:
    """Choose four to nine round values that hold the range between them."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _decade_ticks(low: float, high: float) -> list[float]:
    """Choose 1, 2 and 5 times powers of ten that hold the range between them."""
    first = math.floor(math.log10(low))
    last = math.ceil(math.log10(high)) + 1
    values = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
    start = max(index for index, value in enumerate(values) if value <= low * (1 + 1e-9))
    stop = min(index for index, value in enumerate(values) if value >= high * (1 - 1e-9))
    return values[start : max(stop, start + 1) + 1]


def _short(value: float) -> str:
    return f'{value / 1000:g}k' if value >= 1000 else f'{value:g}'
