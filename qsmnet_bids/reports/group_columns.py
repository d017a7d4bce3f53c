"""Measures and regions against the columns of ``participants.tsv``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsmnet_bids.reports.cliff import Effect, cliffs_delta
from qsmnet_bids.reports.group_quantities import Kind, Quantity, show
from qsmnet_bids.reports.participants import Column, Participants
from qsmnet_bids.reports.scatter import Scatter, lay_out_scatter
from qsmnet_bids.reports.theil_sen import Line, theil_sen

MOST_PLOTS = 12
MOST_COLUMNS = 6


@dataclass(frozen=True)
class Trend:
    """A quantity over a column of numbers.

    Parameters
    ----------
    quantity
        Which.
    line
        Robust line.
    scatter
        Drawn for the clearest only; else None.
    """

    quantity: Quantity
    line: Line
    scatter: Scatter | None

    @property
    def slope(self) -> tuple[str, str]:
        """Slope with its interval, and their unit, in which ppm become ppb."""
        factor, unit = (
            (1000.0, 'ppb') if self.quantity.unit == 'ppm' else (1.0, self.quantity.unit)
        )
        slope, low, high = (
            show(factor * value) for value in (self.line.slope, self.line.low, self.line.high)
        )
        return f'{slope} ({low} to {high})', unit


@dataclass(frozen=True)
class Cell:
    """One group in a comparison.

    Parameters
    ----------
    n
        Members that have the quantity.
    median
        Of them; None without one.
    effect
        Against all others; None where there are too few.
    """

    n: int
    median: float | None
    effect: Effect | None


@dataclass(frozen=True)
class Comparison:
    """A quantity in the groups of a column.

    Parameters
    ----------
    quantity
        Which.
    cells
        One per group.
    """

    quantity: Quantity
    cells: list[Cell]


@dataclass(frozen=True)
class Against:
    """All quantities of one kind against one column.

    Parameters
    ----------
    column
        Of ``participants.tsv``.
    kind
        Of the quantities.
    trends
        For a column of numbers.
    comparisons
        For a column of groups.
    """

    column: Column
    kind: Kind
    trends: list[Trend]
    comparisons: list[Comparison]


def trends(
    column: Column, quantities: Sequence[Quantity], links: Mapping[str, str]
) -> list[Trend]:
    """Draw a robust line through each quantity over a column of numbers.

    Parameters
    ----------
    column
        Of numbers.
    quantities
        All.
    links
        To the participants' reports, by label.

    Returns
    -------
        In the order of the quantities, those with a line; the clearest have a scatter plot.
    """
    found = []
    for quantity in quantities:
        labels = [label for label in quantity.values if label in column.numbers]
        x = np.array([column.numbers[label] for label in labels])
        y = np.array([quantity.values[label] for label in labels])
        line = theil_sen(x, y)
        if line is not None:
            found.append((quantity, line, labels, x, y))
    ranked = sorted(range(len(found)), key=lambda place: -found[place][1].clarity)
    shown = set(ranked[:MOST_PLOTS])
    return [
        Trend(
            quantity,
            line,
            lay_out_scatter(x, y, labels, links, line) if place in shown else None,
        )
        for place, (quantity, line, labels, x, y) in enumerate(found)
    ]


def comparisons(column: Column, quantities: Sequence[Quantity]) -> list[Comparison]:
    """Compare each quantity between the groups of a column.

    Parameters
    ----------
    column
        Of groups.
    quantities
        All.
    """
    found = []
    for quantity in quantities:
        parts = {
            level: np.array(
                [
                    value
                    for label, value in quantity.values.items()
                    if column.groups.get(label) == level
                ]
            )
            for level in column.levels
        }
        if sum(part.size > 0 for part in parts.values()) >= 2:
            cells = [_cell(level, parts) for level in column.levels]
            found.append(Comparison(quantity, cells))
    return found


def _cell(level: str, parts: Mapping[str, np.ndarray]) -> Cell:
    own = parts[level]
    others = np.concatenate([part for name, part in parts.items() if name != level])
    median = float(np.median(own)) if own.size else None
    return Cell(int(own.size), median, cliffs_delta(own, others))


def against_columns(
    known: Participants, kinds: Sequence[Kind], links: Mapping[str, str]
) -> list[Against]:
    """Set quantities against the first columns of each kind.

    Parameters
    ----------
    known
        Columns of ``participants.tsv``.
    kinds
        Of quantities.
    links
        To the participants' reports, by label.
    """
    numbers = [column for column in known.columns if column.numbers][:MOST_COLUMNS]
    groups = [column for column in known.columns if column.groups][:MOST_COLUMNS]
    made = [
        Against(column, kind, trends(column, kind.quantities, links), [])
        for column in numbers
        for kind in kinds
    ]
    made += [
        Against(column, kind, [], comparisons(column, kind.quantities))
        for column in groups
        for kind in kinds
    ]
    return [against for against in made if against.trends or against.comparisons]
