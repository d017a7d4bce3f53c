"""The BIDS filter file: which images stand for magnitude, phase and mask."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from bids.layout import Query

from qsmnet_bids.errors import SettingsError

Filter = dict[str, object]
"""Text, number, pybids' ``Query`` or a list of these, by pybids' name of the entity."""

KINDS = ('megre_mag', 'megre_phase', 'mask')


@dataclass(frozen=True)
class Filters:
    """Entities that an image must have to be taken.

    Parameters
    ----------
    magnitude, phase, mask
        Values by pybids' name of the entity.
    """

    magnitude: Filter = field(default_factory=dict)
    phase: Filter = field(default_factory=dict)
    mask: Filter = field(default_factory=dict)


def load_filters(path: Path | None) -> Filters:
    """Read a BIDS filter file.

    It is JSON: an object with any of the keys ``megre_mag``, ``megre_phase`` and ``mask``, each an
    object of values by entity. ``null`` asks that the entity be absent, ``"*"`` that it be there.

    Parameters
    ----------
    path
        The file; None for no further conditions.
    """
    if path is None:
        return Filters()
    content = _load_object(path)
    unknown = sorted(set(content) - set(KINDS))
    if unknown:
        raise SettingsError(
            f'{path}: {", ".join(unknown)}: unknown key; the keys of a BIDS filter file are '
            f'{", ".join(KINDS)}'
        )
    magnitude, phase, mask = (_parse(path, kind, content.get(kind, {})) for kind in KINDS)
    return Filters(magnitude, phase, mask)


def _load_object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise SettingsError(
            f'{path}: cannot be read ({error.strerror}); give an existing BIDS filter file'
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f'{path}: not valid JSON ({error}); mend the file') from error
    if not isinstance(content, dict):
        raise SettingsError(
            f'{path}: holds a {type(content).__name__}; give an object with the keys '
            f'{", ".join(KINDS)}'
        )
    return content


def _parse(path: Path, kind: str, conditions: object) -> Filter:
    if not isinstance(conditions, dict):
        raise SettingsError(
            f'{path}: {kind}: {conditions!r}; give an object such as {{"acquisition": "qsm"}}'
        )
    return {name: _parse_value(path, kind, name, value) for name, value in conditions.items()}


def _parse_value(path: Path, kind: str, name: str, value: object) -> object:
    if isinstance(value, list):
        return [_parse_scalar(path, kind, name, element) for element in value]
    return _parse_scalar(path, kind, name, value)


def _parse_scalar(path: Path, kind: str, name: str, value: object) -> object:
    special = {None: Query.NONE, '*': Query.ANY, 'Query.NONE': Query.NONE, 'Query.ANY': Query.ANY}
    if value is None or (isinstance(value, str) and value in special):
        return special[value]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingsError(
            f'{path}: {kind}.{name}: {value!r}; give a string, a number, a list, null or "*"'
        )
    # pybids holds run as a number and everything else, echo too, as text
    if name == 'run':
        return _parse_run(path, kind, value)
    return str(value)


def _parse_run(path: Path, kind: str, value: str | int) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise SettingsError(f'{path}: {kind}.run: {value!r}; give a whole number') from error
