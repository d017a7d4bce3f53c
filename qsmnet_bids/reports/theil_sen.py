"""A line through points that outliers do not bend.

P. K. Sen, J Am Stat Assoc 63:1379-1389, 1968, doi:10.1080/01621459.1968.10480934.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

MOST_PAIRS = 300_000
"""More pairs than these are not all formed: as many are drawn, always the same."""
LEAST_POINTS = 5


@dataclass(frozen=True)
class Line:
    """A line and how sure its slope is.

    Parameters
    ----------
    n
        Points.
    slope
        Unit of y per unit of x.
    low, high
        Ends of the interval of the slope.
    intercept
        Unit of y.
    """

    n: int
    slope: float
    low: float
    high: float
    intercept: float

    @property
    def clarity(self) -> float:
        """Slope in half widths of its interval; above 1 where zero lies outside, nearly."""
        half = (self.high - self.low) / 2
        return abs(self.slope) / half if half > 0 else 0.0


def theil_sen(x: np.ndarray, y: np.ndarray, *, confidence: float = 0.95) -> Line | None:
    """Take the median of the slopes between all pairs of points.

    The interval's ends are the slopes whose ranks lie z standard deviations of Kendall's statistic
    about the middle (ties counted), which assumes independent points and nothing of their
    distribution. The intercept is median(y) - slope median(x).

    Parameters
    ----------
    x, y
        Any units, finite, shape ``(n,)``.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
        None with fewer than 5 points, or if all x are equal.
    """
    if not 0 < confidence < 1:
        raise ValueError(f'confidence must be in (0, 1), got {confidence}')
    if len(x) < LEAST_POINTS or np.ptp(x) == 0:
        return None
    slopes = np.sort(_slopes(x, y))
    n_pairs = len(x) * (len(x) - 1) // 2
    share_apart = _share_apart(x)
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(_kendall_variance(x, y))
    # ranks among all pairs with different x, as shares of these, hold for drawn pairs too
    half = spread / (2 * n_pairs * share_apart)
    last = len(slopes) - 1
    lower = max(0, round((0.5 - half) * len(slopes)) - 1)
    upper = min(last, round((0.5 + half) * len(slopes)))
    slope = float(np.median(slopes))
    return Line(
        n=len(x),
        slope=slope,
        low=float(slopes[lower]),
        high=float(slopes[upper]),
        intercept=float(np.median(y) - slope * np.median(x)),
    )


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    n = len(x)
    if n * (n - 1) // 2 <= MOST_PAIRS:
        first, second = np.triu_indices(n, k=1)
    else:
        rng = np.random.default_rng(0)
        first = rng.integers(0, n, MOST_PAIRS)
        second = (first + rng.integers(1, n, MOST_PAIRS)) % n
    run = x[second] - x[first]
    apart = run != 0
    slopes: np.ndarray = (y[second] - y[first])[apart] / run[apart]
    return slopes


def _share_apart(x: np.ndarray) -> float:
    """Part of the pairs whose x differ."""
    _, counts = np.unique(x, return_counts=True)
    n = len(x)
    return 1 - float((counts * (counts - 1)).sum()) / (n * (n - 1))


def _kendall_variance(x: np.ndarray, y: np.ndarray) -> float:
    def term(k: np.ndarray) -> float:
        k = k.astype(np.float64)
        return float((k * (k - 1) * (2 * k + 5)).sum())

    ties = sum(term(np.unique(values, return_counts=True)[1]) for values in (x, y))
    return max(0.0, (term(np.array([len(x)])) - ties) / 18)
