"""Which runs stand apart from the others, by the distance from the median in robust deviations.

B. Iglewicz and D. C. Hoaglin, How to Detect and Handle Outliers, ASQC Quality Press, 1993: the
modified z-score with its threshold of 3.5, and their substitute where more than half of the values
are equal.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsmnet_bids.reports.measures import MEASURES, Measure
from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.values import MINUS

THRESHOLD = 3.5
LEAST_RUNS = 5
"""Fewer runs cannot tell what is usual."""

JUDGED = tuple(measure for measure in MEASURES if measure.key != 'run_time_s')
"""The run time says more of the machine than of the data."""


@dataclass(frozen=True)
class Mark:
    """One measure in which a run stands apart.

    Parameters
    ----------
    measure
        Which.
    value
        In the measure's unit.
    median
        Of the runs that it is compared with.
    score
        Robust z: signed distance from the median in robust standard deviations.
    """

    measure: Measure
    value: float
    median: float
    score: float

    def __str__(self) -> str:
        """Write the reason in words."""
        side = 'high' if self.score > 0 else 'low'
        unit = f' {self.measure.unit}' if self.measure.unit else ''
        score = f'{self.score:+.1f}'.replace('-', MINUS)
        return (
            f'{self.measure.label}: {self.measure.show(self.value)}{unit} is {side} '
            f'(median {self.measure.show(self.median)}{unit}, robust z {score})'
        )


def robust_scores(values: np.ndarray) -> np.ndarray:
    """Score each value by its distance from the median.

    (x - median) / (1.4826 MAD); 1.2533 times the mean absolute deviation where the MAD is zero;
    0 for all where that is zero too.

    Parameters
    ----------
    values
        Any unit, shape ``(n,)``.

    Returns
    -------
        Robust z, shape ``(n,)``.

    >>> robust_scores(np.array([1.0, 2.0, 3.0, 4.0, 100.0])).round(1).tolist()
    [-1.3, -0.7, 0.0, 0.7, 65.4]
    """
    distance = values - np.median(values)
    scale = 1.4826 * np.median(np.abs(distance)) or 1.2533 * np.mean(np.abs(distance))
    return distance / scale if scale > 0 else np.zeros_like(distance)


def find_outliers(records: Sequence[RunRecord]) -> list[tuple[Mark, ...]]:
    """Mark the runs that stand apart from the others with the same inversion.

    Parameters
    ----------
    records
        All runs.

    Returns
    -------
        Marks of each run; empty where it is like the others.
    """
    marks: list[list[Mark]] = [[] for _ in records]
    alike = defaultdict(list)
    for index, record in enumerate(records):
        alike[record.inversion].append(index)
    for indices in alike.values():
        for measure in JUDGED:
            _mark(records, indices, measure, marks)
    return [tuple(found) for found in marks]


def _mark(
    records: Sequence[RunRecord], indices: list[int], measure: Measure, marks: list[list[Mark]]
) -> None:
    known = [index for index in indices if measure.key in records[index].quality]
    if len(known) < LEAST_RUNS:
        return
    values = np.array([records[index].quality[measure.key] for index in known])
    median = float(np.median(values))
    for index, value, score in zip(known, values, robust_scores(values), strict=True):
        if abs(score) > THRESHOLD:
            marks[index].append(Mark(measure, float(value), median, float(score)))
