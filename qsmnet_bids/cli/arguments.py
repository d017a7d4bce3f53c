"""The types of the command line's arguments: a word becomes a value, or an error says why not."""

import re
from argparse import ArgumentTypeError
from pathlib import Path

MEMORY_UNITS = {'K': 1e-6, 'M': 1e-3, 'G': 1.0, 'T': 1e3}
MAX_FIELD_STRENGTH = 30.0
"""T; more than any magnet that has held a subject."""

Parameter = bool | int | float | str


def label(word: str) -> str:
    """Strip the ``sub-`` or ``ses-`` of a label.

    >>> label('sub-01'), label('01')
    ('01', '01')
    """
    stripped = re.sub(r'^(sub|ses)-', '', word)
    if not stripped.isalnum():
        raise ArgumentTypeError(f'expected letters and digits, as in 01 or sub-01, got {word!r}')
    return stripped


def positive_int(word: str) -> int:
    """Read an integer above zero."""
    if not word.isdecimal() or int(word) < 1:
        raise ArgumentTypeError(f'expected a whole number of at least 1, got {word!r}')
    return int(word)


def label_value(word: str) -> int:
    """Read a value of a segmentation."""
    if not word.isdecimal():
        raise ArgumentTypeError(f'expected a whole number of at least 0, got {word!r}')
    return int(word)


def field_strength(word: str) -> float:
    """Read a field strength in T."""
    try:
        tesla = float(word)
    except ValueError:
        tesla = 0.0
    if not 0 < tesla <= MAX_FIELD_STRENGTH:
        raise ArgumentTypeError(
            f'expected tesla, above 0 and up to {MAX_FIELD_STRENGTH:g}, got {word!r}'
        )
    return tesla


def memory_gb(word: str) -> float:
    """Read an amount of memory as GB; without a suffix it is in MB.

    >>> memory_gb('8G'), memory_gb('8000'), memory_gb('500MB')
    (8.0, 8.0, 0.5)
    """
    match = re.fullmatch(r'(\d+\.?\d*)\s*([KMGT]?)B?', word.strip().upper())
    if match is None or float(match[1]) <= 0:
        raise ArgumentTypeError(f'expected an amount such as 8G or 8000M, got {word!r}')
    return float(match[1]) * MEMORY_UNITS[match[2] or 'M']


def device(word: str) -> str:
    """Read the name of a device."""
    if re.fullmatch(r'auto|cpu|cuda(:\d+)?', word) is None:
        raise ArgumentTypeError(f"expected auto, cpu, cuda or cuda:N, as in cuda:0, got '{word}'")
    return word


def path(word: str) -> Path:
    """Read a path, made absolute."""
    return Path(word).expanduser().absolute()


def existing_file(word: str) -> Path:
    """Read the path of a file that is there."""
    if not path(word).is_file():
        raise ArgumentTypeError(f"expected an existing file, got '{word}'")
    return path(word)


def existing_dir(word: str) -> Path:
    """Read the path of a folder that is there."""
    if not path(word).is_dir():
        raise ArgumentTypeError(f"expected an existing folder, got '{word}'")
    return path(word)


def derivative(word: str) -> tuple[str, Path]:
    """Read NAME=PATH, or PATH alone, which is then named like its folder."""
    name, separator, folder = word.rpartition('=')
    existing = existing_dir(folder)
    if separator and not name:
        raise ArgumentTypeError(f"expected NAME=PATH, got '{word}'")
    return name or existing.name, existing


def assignment(word: str) -> tuple[str, str, Parameter]:
    """Read ``method.parameter=value``.

    >>> assignment('tkd.threshold=0.1')
    ('tkd', 'threshold', 0.1)
    """
    match = re.fullmatch(r'(\w+)\.(\w+)=(.+)', word)
    if match is None:
        raise ArgumentTypeError(
            f"expected METHOD.PARAMETER=VALUE, as in tkd.threshold=0.15, got '{word}'"
        )
    return match[1], match[2], parameter(match[3])


def parameter(word: str) -> Parameter:
    """Read a hyper-parameter: true, false, a number, or else a word.

    >>> [parameter(word) for word in ('true', '3', '1e-3', 'deepqsm')]
    [True, 3, 0.001, 'deepqsm']
    """
    if word.lower() in ('true', 'false'):
        return word.lower() == 'true'
    for number in (int, float):
        try:
            return number(word)
        except ValueError:
            continue
    return word
