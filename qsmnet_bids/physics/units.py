"""All conversions of units. Works on arrays and tensors alike and imports neither."""

import math
from typing import Literal

GYROMAGNETIC_RATIO_MHZ_PER_T = 42.576
"""Of the proton, divided by 2 pi."""

PhaseConvention = Literal['radian', 'signed integer', 'unsigned integer', 'milliradian']


def hz_per_ppm(b0: float) -> float:
    """Give the frequency offset in Hz of 1 ppm.

    Parameters
    ----------
    b0
        T.

    >>> round(hz_per_ppm(3.0), 3)
    127.728
    """
    if b0 <= 0:
        raise ValueError(f'b0 must be positive, got {b0}')
    return GYROMAGNETIC_RATIO_MHZ_PER_T * b0


def phase_convention(low: float, high: float, *, is_integer: bool) -> PhaseConvention | None:
    """Tell from the range of values how a scanner wrote the phase.

    ``radian`` is [-pi, pi]; ``signed integer`` is -4096..4095 for [-pi, pi);
    ``unsigned integer`` is 0..4095 for [-pi, pi); ``milliradian`` is [-3142, 3142]. A range
    fits if it fills at least half of the convention's and does not leave it.

    Parameters
    ----------
    low, high
        Least and greatest value in the file, after its slope and intercept, over all echoes.
    is_integer
        Whether all values are whole numbers.

    Returns
    -------
        The convention, or None where none fits.
    """
    if -math.pi - 1e-3 <= low and high <= math.pi + 1e-3:
        return 'radian'
    if is_integer and low >= 0 and 2048 <= high <= 4096:
        return 'unsigned integer'
    if -3142 <= low <= -1571 and 1571 <= high <= 3142:
        return 'milliradian'
    if is_integer and -4096 <= low <= -2048 and 2048 <= high <= 4096:
        return 'signed integer'
    return None


def phase_scaling(convention: PhaseConvention) -> tuple[float, float]:
    """Give slope and intercept that turn stored phase values into rad.

    Parameters
    ----------
    convention
        As ``phase_convention`` gives it.

    Returns
    -------
        Slope and intercept: rad = slope * value + intercept.
    """
    return {
        'radian': (1.0, 0.0),
        'signed integer': (math.pi / 4096, 0.0),
        'unsigned integer': (2 * math.pi / 4096, -math.pi),
        'milliradian': (1e-3, 0.0),
    }[convention]
