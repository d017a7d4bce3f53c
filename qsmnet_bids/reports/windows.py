"""Values to grey: the window of a picture, and the ticks of its bar."""

import math
from dataclasses import dataclass

import numpy as np

N_TICKS = 7
"""At most."""
N_SAMPLES = 100_000
"""Voxels that stand for all where a window is chosen."""


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

    def to_grey(self, values: np.ndarray) -> np.ndarray:
        """Scale to 0..255; what is not finite becomes black."""
        scaled = (values - np.float32(self.low)) * np.float32(255 / (self.high - self.low))
        scaled[~np.isfinite(scaled)] = 0
        grey: np.ndarray = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
        return grey

    def to_grey_where_known(self, values: np.ndarray) -> np.ndarray:
        """Scale a map, which is zero where it is not known: black there."""
        grey = self.to_grey(values)
        grey[values == 0] = 0
        return grey

    def ticks(self) -> list[tuple[float, str]]:
        """Choose round values and what to call them: angles in pi, as the font has no Greek.

        >>> Window(-0.1, 0.2, 'ppm').ticks()[:2]
        [(-0.1, '-0.1'), (-0.05, '-0.05')]
        >>> Window(-math.pi, math.pi, 'rad').ticks()[-1]
        (3.14159..., 'pi')
        """
        unit = math.pi if self.unit == 'rad' else 1.0
        ticks = round_numbers(self.low / unit, self.high / unit)
        return [
            (tick * unit, f'{tick:g}' if unit == 1.0 or tick == 0 else _in_pi(tick))
            for tick in ticks
        ]


def _in_pi(tick: float) -> str:
    return {1.0: 'pi', -1.0: '-pi'}.get(tick, f'{tick:g} pi')


def round_numbers(low: float, high: float) -> list[float]:
    """Choose up to seven round numbers between two values.

    Parameters
    ----------
    low, high
        The second is the greater.

    >>> round_numbers(0.0, 60.0)
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    """
    power = 10.0 ** math.floor(math.log10((high - low) / N_TICKS))
    fits = ((high - low) / (power * factor) < N_TICKS - 1 + 1e-6 for factor in (1, 2, 5, 10))
    step = power * next(f for f, fit in zip((1, 2, 5, 10), fits, strict=True) if fit)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [round(step * n, 9) for n in range(first, last + 1)]


def sample(mask: np.ndarray) -> np.ndarray:
    """Choose voxels that stand for those of a mask.

    Parameters
    ----------
    mask
        True inside, any shape.

    Returns
    -------
        Indices of the flattened mask.
    """
    inside = np.flatnonzero(mask)
    return inside[:: max(len(inside) // N_SAMPLES, 1)]


def percentile(values: np.ndarray, percent: float) -> float:
    """Give a percentile of what is finite; 1 where that is not positive.

    Parameters
    ----------
    values
        Any unit and shape.
    percent
        0 to 100.
    """
    finite = values[np.isfinite(values)]
    value = float(np.percentile(finite, percent)) if finite.size else 0.0
    return value if value > 0 else 1.0


def symmetric(values: np.ndarray, unit: str) -> Window:
    """Choose a window around zero that ends at a round number (times pi for an angle).

    Parameters
    ----------
    values
        In ``unit``.
    unit
        For the bar.
    """
    one = math.pi if unit == 'rad' else 1.0
    wanted = percentile(np.abs(values), 99.0) / one
    power = 10.0 ** math.floor(math.log10(wanted))
    limit = next(step * power for step in (1, 2, 5, 10) if step * power >= wanted * 0.999) * one
    return Window(-limit, limit, unit)
