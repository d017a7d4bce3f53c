"""How much two groups differ, whatever the distribution: Cliff's delta.

N. Cliff, Psychol Bull 114:494-509, 1993, doi:10.1037/0033-2909.114.3.494.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEAST_MEMBERS = 3


@dataclass(frozen=True)
class Effect:
    """Difference of two groups.

    Parameters
    ----------
    delta
        -1 where all of the first group lie below all of the second, 1 where above, 0 if neither
        tends to be larger.
    low, high
        Ends of its interval.
    """

    delta: float
    low: float
    high: float


def cliffs_delta(
    first: np.ndarray, second: np.ndarray, *, confidence: float = 0.95
) -> Effect | None:
    """Compare every member of one group with every member of another.

    delta = P(first > second) - P(first < second), with Cliff's unbiased variance and the
    asymmetric interval made from it, which stays within -1 and 1. Where the groups do not overlap
    the variance says nothing, and the interval is that of Wilson for the smaller group's share.

    Parameters
    ----------
    first, second
        Any unit, finite, shapes ``(m,)`` and ``(n,)``.
    confidence
        Of the interval, in (0, 1).

    Returns
    -------
        None if a group has fewer than 3 members.

    >>> cliffs_delta(np.array([4.0, 5, 6, 7]), np.array([1.0, 2, 3])).delta
    1.0
    """
    if not 0 < confidence < 1:
        raise ValueError(f'confidence must be in (0, 1), got {confidence}')
    m, n = len(first), len(second)
    if min(m, n) < LEAST_MEMBERS:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    of_first, of_second = _dominance(first, second), -_dominance(second, first)
    delta = float(of_first.mean())
    if abs(delta) == 1:
        least = min(m, n)
        inner = (least - z**2) / (least + z**2)
        return Effect(delta, min(delta, delta * inner), max(delta, delta * inner))
    variance = _variance(of_first, of_second, delta, first, second)
    width = z * np.sqrt(variance * ((1 - delta**2) ** 2 + z**2 * variance))
    scale = 1 - delta**2 + z**2 * variance
    low, high = (delta - delta**3 - width) / scale, (delta - delta**3 + width) / scale
    return Effect(delta, max(-1.0, float(low)), min(1.0, float(high)))


def _dominance(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the others below each value minus the share above it."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side='left')
    above = len(others) - np.searchsorted(ordered, values, side='right')
    shares: np.ndarray = (below - above) / len(others)
    return shares


def _variance(
    of_first: np.ndarray,
    of_second: np.ndarray,
    delta: float,
    first: np.ndarray,
    second: np.ndarray,
) -> float:
    m, n = len(of_first), len(of_second)
    ordered = np.sort(second)
    ties = np.searchsorted(ordered, first, side='right') - np.searchsorted(ordered, first)
    single = m * n - float(ties.sum()) - m * n * delta**2
    rows = n**2 * float(((of_first - delta) ** 2).sum())
    columns = m**2 * float(((of_second - delta) ** 2).sum())
    unbiased = (rows + columns - single) / (m * n * (m - 1) * (n - 1))
    return max(unbiased, (1 - delta**2) / (m * n - 1))
