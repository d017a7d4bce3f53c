"""What can be wrong with the sidecars of a run, and the numbers read from them."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from qsmnet_bids.bidsio.metadata import Metadata
from qsmnet_bids.bidsio.scan import Scan
from qsmnet_bids.errors import InputError, Problem
from qsmnet_bids.physics.units import PhaseConvention, phase_convention
from qsmnet_bids.vectors import Vector

FIELD_STRENGTHS = (0.1, 21.0)
"""T, of scanners that there are."""

SHARED_FIELDS = (
    'Manufacturer', 'ManufacturersModelName', 'ReceiveCoilName', 'ReceiveCoilActiveElements',
    'ScanningSequence', 'SequenceVariant', 'ScanOptions', 'SequenceName', 'PulseSequenceType',
    'PulseSequenceDetails', 'NonlinearGradientCorrection', 'MRAcquisitionType', 'FlipAngle',
    'RepetitionTime', 'RepetitionTimeExcitation', 'ParallelAcquisitionTechnique',
    'ParallelReductionFactorInPlane', 'ParallelReductionFactorOutOfPlane', 'PartialFourier',
    'PartialFourierDirection', 'PhaseEncodingDirection', 'DwellTime',
)  # fmt: skip
"""Copied to the results where all images agree: of the sequence, never of the patient."""


def echo_times(
    echoes: Sequence[Sequence[Path]], metadata: Mapping[Path, Metadata]
) -> tuple[float, ...]:
    """Read the echo times.

    Parameters
    ----------
    echoes
        Images of each echo, in the order of the echoes.
    metadata
        By image.

    Returns
    -------
        s, increasing.
    """
    problems: list[Problem] = []
    times: list[tuple[Path, float]] = []
    for images in echoes:
        found = [_echo_time(image, metadata[image]) for image in images]
        problems += [item for item in found if isinstance(item, Problem)]
        values = [item for item in found if isinstance(item, float)]
        if values and max(values) - min(values) > 1e-6:
            text = f'{values[-1]} s, but {values[0]} s in {images[0].name}'
            remedy = 'give phase and magnitude of an echo the same echo time'
            problems.append(Problem(str(images[-1]), 'EchoTime', text, remedy))
        times += [(images[0], value) for value in values[:1]]
    for (_, earlier), (image, later) in pairwise(times):
        if later <= earlier:
            kind = 'the same as that of' if later == earlier else 'shorter than that of'
            text = f'{later} s, {kind} the echo before ({earlier} s)'
            remedy = 'correct EchoTime, or the numbers of the echoes'
            problems.append(Problem(str(image), 'EchoTime', text, remedy))
    if problems:
        raise InputError(*problems)
    return tuple(value for _, value in times)


def _echo_time(image: Path, metadata: Metadata) -> float | Problem:
    value = metadata.get('EchoTime')
    if value is None:
        return Problem(str(image), 'EchoTime', 'missing', 'add it to the sidecar, in seconds')
    number = _number(value)
    if number is None or number <= 0:
        remedy = 'give a positive number of seconds'
        return Problem(str(image), 'EchoTime', repr(value), remedy)
    if number > 1:
        remedy = f'give seconds: {number / 1000:g}?'
        return Problem(str(image), 'EchoTime', f'{value} s; milliseconds?', remedy)
    return number


def field_strength(metadata: Mapping[Path, Metadata], given: float | None) -> tuple[float, str]:
    """Read the field strength.

    Parameters
    ----------
    metadata
        By image.
    given
        T, by the user, who is right; None to read it.

    Returns
    -------
        T, and a warning where user and sidecar differ, else an empty string.
    """
    stated = {image: fields.get('MagneticFieldStrength') for image, fields in metadata.items()}
    values = list(
        {_number(v) or repr(v): repr(v) for v in stated.values() if v is not None}.values()
    )
    image = next(iter(metadata))
    if given is not None:
        differs = [value for value in values if value not in (repr(given), repr(int(given)))]
        warning = f'--field-strength {given:g} T replaces {", ".join(differs)} of the sidecar'
        return given, warning if differs else ''
    remedy = 'correct the sidecar (in tesla), or give --field-strength'
    if not values:
        raise InputError(Problem(str(image), 'MagneticFieldStrength', 'missing', remedy))
    if len(values) > 1:
        found = f'differs among the echoes: {", ".join(values)}'
        raise InputError(Problem(str(image), 'MagneticFieldStrength', found, remedy))
    number = _number(next(value for value in stated.values() if value is not None))
    if number is None or not FIELD_STRENGTHS[0] <= number <= FIELD_STRENGTHS[1]:
        found = f'{values[0]} T; gauss or millitesla?' if number and number > 21 else values[0]
        raise InputError(Problem(str(image), 'MagneticFieldStrength', found, remedy))
    return number, ''


def stated_b0_dir(metadata: Mapping[Path, Metadata]) -> Vector | None:
    """Read the direction of B0 where a sidecar gives it.

    Parameters
    ----------
    metadata
        By image.

    Returns
    -------
        Unit vector in voxel axes; None if no sidecar has ``B0_dir``.
    """
    stated = [(image, f['B0_dir']) for image, f in metadata.items() if 'B0_dir' in f]
    if not stated:
        return None
    image, value = stated[0]
    if any(other != value for _, other in stated):
        found = f'differs among the echoes: {value} and others'
        raise InputError(Problem(str(image), 'B0_dir', found, 'give all images the same'))
    numbers = [_number(element) for element in value] if isinstance(value, list) else []
    components = [number for number in numbers if number is not None]
    length = math.hypot(*components)
    if len(components) != 3 or len(numbers) != 3 or not 0 < length < math.inf:
        remedy = 'give three numbers, in voxel axes'
        raise InputError(Problem(str(image), 'B0_dir', repr(value), remedy))
    return components[0] / length, components[1] / length, components[2] / length


def phase_scale(phase: Sequence[Scan], metadata: Mapping[Path, Metadata]) -> PhaseConvention:
    """Tell how the phase was written, from ``Units`` and the range of all echoes.

    Parameters
    ----------
    phase
        Of all echoes.
    metadata
        By image.
    """
    low, high = min(scan.low for scan in phase), max(scan.high for scan in phase)
    is_integer = all(scan.is_integer for scan in phase)
    convention = phase_convention(low, high, is_integer=is_integer)
    in_rad = all(metadata[scan.path].get('Units') == 'rad' for scan in phase)
    found = f'values from {low:g} to {high:g}' + (', all whole numbers' if is_integer else '')
    file = str(phase[0].path)
    if in_rad and convention != 'radian':
        remedy = 'rescale to [-pi, pi], or set Units to "arbitrary" if the scanner wrote it so'
        raise InputError(Problem(file, 'Units', f'rad, but {found}', remedy))
    whole = [scan for scan in phase if scan.is_integer]
    if convention == 'radian' and (whole or (not in_rad and high - low < math.pi)):
        remedy = 'rescale to [-pi, pi] in steps finer than 1, and set Units to "rad"'
        if whole and not is_integer:
            file, found = str(whole[0].path), f'values from {low:g} to {high:g}, whole numbers'
        raise InputError(Problem(file, 'phase range', found, remedy))
    if convention is None:
        remedy = (
            'rescale to [-pi, pi]; known are also whole numbers 0..4095 or -4096..4095, and '
            'millirad -3142..3142'
        )
        raise InputError(Problem(file, 'phase range', found, remedy))
    return convention


def phase_sign(metadata: Mapping[Path, Metadata], given: int | None) -> tuple[int, str]:
    """Tell whether phase grows with time above B0.

    Parameters
    ----------
    metadata
        By image.
    given
        1 or -1, by the user; None to decide by the manufacturer.

    Returns
    -------
        1 or -1, and a warning where it is a guess, else an empty string.
    """
    if given is not None:
        return given, ''
    makers = {str(fields.get('Manufacturer', '')) for fields in metadata.values()}
    if any(re.search(r'\bGE\b|general electric', maker, re.IGNORECASE) for maker in makers):
        return -1, 'Phase sign taken as -1, as GE scanners write it; --phase-sign 1 overrides this'
    return 1, ''


def shared_metadata(metadata: Mapping[Path, Metadata]) -> Metadata:
    """Collect the fields of the sequence that all images have alike.

    Parameters
    ----------
    metadata
        By image.
    """
    first, *others = metadata.values()
    return {
        key: first[key]
        for key in SHARED_FIELDS
        if key in first and all(other.get(key) == first[key] for other in others)
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None
