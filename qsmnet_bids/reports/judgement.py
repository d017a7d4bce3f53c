"""What the measures of a run warn of, in plain words. ``docs/quality.md`` justifies the limits."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A bound of a measure.

    Parameters
    ----------
    key
        Of the measure.
    low, high
        What is usual; None for no bound.
    warning
        One sentence; ``{value}`` is the measure, ``{percent}`` the same in percent.
    """

    key: str
    low: float | None
    high: float | None
    warning: str


LIMITS = (
    Limit(
        'mask_border_fraction',
        None,
        0.02,
        'The mask touches the image border ({percent:.1f} % of its surface): is tissue cut off?',
    ),
    Limit(
        'r2star_median',
        6.0,
        60.0,
        'The median R2* is {value:.3g} per second, which is not that of a brain: are the echo'
        ' times right, and in seconds?',
    ),
    Limit(
        'snr',
        25.0,
        None,
        'The signal of the first echo is only {value:.0f} times the noise between neighbouring'
        ' voxels: did the head move, or is the scan short?',
    ),
    Limit(
        'echo_misfit_fraction',
        None,
        0.001,
        'In {percent:.1f} % of the mask the echoes disagree by more than noise explains: flow,'
        ' motion or wrong echo times?',
    ),
    Limit(
        'steep_fraction',
        None,
        0.05,
        "The last echo's phase turns by more than half a cycle between neighbouring voxels in"
        ' {percent:.1f} % of the mask: unwrapping may fail there.',
    ),
    Limit(
        'low_quality_fraction',
        None,
        0.1,
        'The field is much noisier than elsewhere in {percent:.0f} % of the mask: is the mask too'
        ' large?',
    ),
    Limit(
        'forward_residual_noise',
        None,
        6.0,
        'The field that the map explains misses the measured one by {value:.1f} times the noise:'
        ' motion, flow or too strong a regularisation?',
    ),
)


def quality_warnings(measures: Mapping[str, float]) -> list[str]:
    """Say which measures are out of bounds, and what that may mean.

    Parameters
    ----------
    measures
        By key; those that are missing are not judged.

    >>> quality_warnings({'snr': 50.0, 'r2star_median': 19.0})
    []
    >>> len(quality_warnings({'snr': 5.0, 'r2star_median': 0.02}))
    2
    """
    return [
        limit.warning.format(value=value, percent=100 * value)
        for limit in LIMITS
        if (value := measures.get(limit.key)) is not None and _is_out(value, limit)
    ]


def _is_out(value: float, limit: Limit) -> bool:
    too_low = limit.low is not None and value < limit.low
    return too_low or (limit.high is not None and value > limit.high)
