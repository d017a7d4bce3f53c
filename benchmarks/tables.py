"""Tables of results, as Markdown for readers and CSV and JSON for programs."""

import csv
import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Rows: TypeAlias = 'Sequence[DataclassInstance]'
"""Of one dataclass, whose fields are the columns."""


def write_tables(rows: Rows, prefix: Path) -> str:
    """Write the rows to ``prefix`` with ``.md``, ``.csv`` and ``.json``.

    Parameters
    ----------
    rows
        At least one. A field that is a dataclass itself gives as many columns as it has fields.
    prefix
        Path without suffix; its folder is made.

    Returns
    -------
        The Markdown table.
    """
    if not rows:
        raise ValueError('rows must not be empty')
    records = [_columns(row) for row in rows]
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_suffix('.json').write_text(json.dumps(records, indent=2) + '\n')
    with prefix.with_suffix('.csv').open('w', newline='') as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    table = to_markdown(rows)
    prefix.with_suffix('.md').write_text(table)
    return table


def to_markdown(rows: Rows) -> str:
    """Lay out the rows as a Markdown table, numbers with three significant digits.

    Parameters
    ----------
    rows
        At least one.
    """
    names = list(_columns(rows[0]))
    lines = [names, ['---'] * len(names)]
    lines += [[_cell(value) for value in _columns(row).values()] for row in rows]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _is_record(value: object) -> 'TypeGuard[DataclassInstance]':
    return is_dataclass(value) and not isinstance(value, type)


def _columns(row: 'DataclassInstance') -> dict[str, object]:
    columns: dict[str, object] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        columns |= _columns(value) if _is_record(value) else {field.name: value}
    return columns


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f'{value:#.3g}'.rstrip('.') if abs(value) < 1000 else f'{value:.0f}'
