"""Hyper-parameters in range."""

import math


def check_range(
    name: str,
    value: float,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> None:
    """Raise ValueError unless a hyper-parameter is in its range.

    Parameters
    ----------
    name, value
        Of the hyper-parameter.
    above, at_least, below
        Limits of the range.
    """
    if value > above and at_least <= value < below:
        return
    wanted = 'positive' if above == 0 else f'at least {at_least:g}'
    wanted += f' and below {below:g}' if below < math.inf else ''
    raise ValueError(f'{name} must be {wanted}, got {value}')
