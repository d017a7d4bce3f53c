"""What a reader wants first of a run: three numbers, and what they were made by."""

from dataclasses import dataclass

from qsmnet_bids.reports.judgement import quality_warnings
from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.values import DASH, MINUS

CHAIN = {
    'masking': 'mask',
    'unwrapping': 'unwrapping',
    'fieldmap': 'total field',
    'background': 'background removal',
    'inversion': 'dipole inversion',
}
"""Stages that have a method to choose, in words."""


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page.

    Parameters
    ----------
    label
        What it is.
    value
        As text; a dash where it is not known.
    unit
        Of the value.
    note
        What is usual.
    is_odd
        Whether the measures warn of it.
    """

    label: str
    value: str
    unit: str
    note: str
    is_odd: bool = False


def headlines(record: RunRecord) -> list[Headline]:
    """Give the range of the map, how well it explains the field, and the size of the mask.

    Parameters
    ----------
    record
        Of the run.
    """
    measures = record.quality
    low, high = (measures.get(key) for key in ('chi_p05', 'chi_p95'))
    span = DASH if low is None or high is None else f'{_show(low, 3)} to {_show(high, 3)}'
    deviation = measures.get('uncertainty_ppm')
    doubt = '' if deviation is None else f'; uncertain by {_show(deviation, 3)} ppm, median'
    return [
        Headline('Susceptibility', span, 'ppm', f'5th to 95th percentile of the map{doubt}'),
        Headline(
            'Misfit of the field',
            _show(measures.get('forward_residual_noise'), 1),
            'times the noise',
            "the map's field against the measured one, median; noise alone makes 0.7",
            is_odd=_is_odd(record, 'forward_residual_noise'),
        ),
        Headline(
            'Mask',
            _show(measures.get('mask_volume_ml'), 0),
            'ml',
            'the brain of an adult has about 1000 to 1700',
        ),
    ]


def chain(record: RunRecord) -> list[tuple[str, str]]:
    """Name the methods of a run, with the region of zero and a network's weights.

    Parameters
    ----------
    record
        Of the run.

    Returns
    -------
        What, and by which method, in the order of the data.
    """
    used = [(CHAIN[step.stage], step.method) for step in record.steps if step.stage in CHAIN]
    weights = [('weights', record.weights['name'])] if record.weights.get('name') else []
    zero = ('zero is the mean of', record.reference_region or 'not recorded')
    if record.reference_region == 'none':
        zero = ('zero', 'as the inversion left it')
    return [*used, *weights, zero]


def _is_odd(record: RunRecord, key: str) -> bool:
    return key in record.quality and bool(quality_warnings({key: record.quality[key]}))


def _show(value: float | None, digits: int) -> str:
    return DASH if value is None else f'{value:.{digits}f}'.replace('-', MINUS)
