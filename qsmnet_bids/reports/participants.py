"""The columns of ``participants.tsv``: which are numbers, which name groups."""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qsmnet_bids.reports.values import as_mapping, as_text

MISSING = {'', 'n/a', 'N/A', 'NA', 'nan', 'NaN'}
MOST_GROUPS = 6
LEAST_VALUES = 3
"""Different numbers that make a column one to draw a line over; fewer name groups."""


@dataclass(frozen=True)
class Column:
    """A column that runs may be set against.

    Parameters
    ----------
    name
        As the table has it.
    label
        For the reader.
    unit
        Empty if not told.
    numbers
        By participant, without ``sub-``; empty for a column of groups.
    groups
        Name of each participant's group; empty for a column of numbers.
    """

    name: str
    label: str
    unit: str = ''
    numbers: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def levels(self) -> list[str]:
        """Names of the groups, the largest first."""
        return [level for level, _ in Counter(self.groups.values()).most_common()]


@dataclass(frozen=True)
class Participants:
    """What is known of the participants.

    Parameters
    ----------
    labels
        Of all rows, without ``sub-``.
    columns
        That can be used, in the table's order.
    notes
        Sentences on the others.
    """

    labels: frozenset[str] = frozenset()
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()


def read_participants(table: Path) -> Participants:
    """Read ``participants.tsv`` and, where it is, the ``participants.json`` beside it.

    A column of numbers with at least 3 different ones is a number, unless the dictionary gives it
    ``Levels``; one with 2 to 6 different values names groups. Others are left out with a note.

    Parameters
    ----------
    table
        It may be missing.
    """
    if not table.is_file():
        return Participants(notes=(f'There is no {table.name}.',))
    try:
        text = table.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        return Participants(notes=(f'{table.name} cannot be read: {error}.',))
    reader = csv.reader(text.splitlines(), delimiter='\t', quoting=csv.QUOTE_NONE)
    header = next(reader, [])
    if 'participant_id' not in header:
        return Participants(notes=(f'{table.name} has no column participant_id.',))
    place = header.index('participant_id')
    rows, notes = _rows(reader, len(header), place, table.name)
    dictionary = _dictionary(table.with_suffix('.json'))
    columns = []
    for number, name in enumerate(header):
        if number != place:
            cells = {label: row[number] for label, row in rows.items()}
            made = _column(name, cells, as_mapping(dictionary.get(name)))
            if isinstance(made, Column):
                columns.append(made)
            else:
                notes.append(made)
    return Participants(frozenset(rows), tuple(columns), tuple(notes))


def _rows(
    lines: Iterable[list[str]], width: int, place: int, name: str
) -> tuple[dict[str, list[str]], list[str]]:
    """Give the rows by participant, and notes on those that cannot be used."""
    rows: dict[str, list[str]] = {}
    notes = []
    for number, row in enumerate(lines, start=2):
        if not row:
            continue
        if len(row) != width:
            notes.append(f'{name}, line {number}: {len(row)} cells, left out.')
            continue
        label = row[place].strip().removeprefix('sub-')
        if label in rows:
            notes.append(f'{name}: {label} stands there twice; the first row counts.')
        rows.setdefault(label, [cell.strip() for cell in row])
    return rows, notes


def _dictionary(path: Path) -> Mapping[str, object]:
    try:
        return as_mapping(json.loads(path.read_text(encoding='utf-8')))
    except (OSError, ValueError):  # it is optional, and only words come from it
        return {}


def _column(name: str, cells: Mapping[str, str], told: Mapping[str, object]) -> Column | str:
    """Make a column, or say why not."""
    known = {label: cell for label, cell in cells.items() if cell not in MISSING}
    label = as_text(told.get('LongName')) or name.replace('_', ' ')
    numbers = {key: number for key, cell in known.items() if (number := _number(cell)) is not None}
    different = len(set(known.values()))
    levels = as_mapping(told.get('Levels'))
    is_number = len(numbers) == len(known) and len(set(numbers.values())) >= LEAST_VALUES
    if is_number and not levels:
        return Column(name, label, as_text(told.get('Units')), numbers=numbers)
    if not 2 <= different <= MOST_GROUPS:
        return f'The column {name} is left out: it has {different} values, no 2 to {MOST_GROUPS}.'
    return Column(name, label, groups={key: _level(cell, levels) for key, cell in known.items()})


def _level(cell: str, levels: Mapping[str, object]) -> str:
    meaning = levels.get(cell)
    return meaning if isinstance(meaning, str) and len(meaning) <= 24 else cell


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
