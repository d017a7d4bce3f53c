"""The numbers that participants are compared by, and how a page writes them."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsmnet_bids.reports.group_regions import Family
from qsmnet_bids.reports.group_tables import Line
from qsmnet_bids.reports.outliers import JUDGED
from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.values import DASH, MINUS


@dataclass(frozen=True)
class Quantity:
    """A number that each participant has.

    Parameters
    ----------
    label
        For the reader.
    unit
        Empty for a ratio.
    values
        By participant, without ``sub-``.
    """

    label: str
    unit: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Kind:
    """Quantities that are shown together.

    Parameters
    ----------
    title
        An inversion, and a segmentation where it is of regions.
    quantities
        In the order of the page.
    is_regional
        Whether they are of regions.
    """

    title: str
    quantities: Sequence[Quantity]
    is_regional: bool


def kinds_of(lines: Sequence[Line], families: Sequence[Family]) -> list[Kind]:
    """Give what participants can be compared by: medians over the runs of each.

    Parameters
    ----------
    lines
        All runs.
    families
        Their regions.
    """
    kinds = []
    for family in families:
        made = [
            Quantity(f'{region}, {name}', unit, family.medians(region, key))
            for key, name, unit in (('chi', 'χ', 'ppm'), ('r2star', 'R2*', '1/s'))
            for region in family.regions
        ]
        title = f'Regions of {family.segmentation}, {family.inversion},'
        known = [quantity for quantity in made if quantity.values]
        kinds.append(Kind(title, known, is_regional=True))
    for inversion in dict.fromkeys(line.record.inversion for line in lines):
        own = [line.record for line in lines if line.record.inversion == inversion]
        measured = [
            Quantity(measure.label, measure.unit, _by_subject(own, measure.key))
            for measure in JUDGED
        ]
        kinds.append(Kind(f'Measures, {inversion},', measured, is_regional=False))
    return kinds


def _by_subject(records: Sequence[RunRecord], key: str) -> dict[str, float]:
    values = defaultdict(list)
    for record in records:
        if key in record.quality:
            values[record.entities.get('sub', '')].append(record.quality[key])
    return {
        subject: float(np.median(found)) if len(found) > 1 else found[0]
        for subject, found in values.items()
    }


def show(value: float | None, digits: int = 3) -> str:
    """Write a number with some significant digits, but no more than five decimals.

    Parameters
    ----------
    value
        Any unit; None gives a dash.
    digits
        Significant ones.

    >>> show(0.0123456), show(1234.5)
    ('0.0123', '1234')
    """
    if value is None:
        return DASH
    leading = math.floor(math.log10(abs(value))) if value else 0
    decimals = min(5, max(0, digits - 1 - leading))
    written = f'{value:.{decimals}f}'
    return written.removeprefix('-') if not float(written) else written.replace('-', MINUS)
