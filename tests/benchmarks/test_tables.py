import csv
import json
from dataclasses import dataclass

import pytest

from benchmarks.tables import to_markdown, write_tables


@dataclass(frozen=True)
class Inner:
    error: float
    slope: float


@dataclass(frozen=True)
class Row:
    method: str
    inner: Inner
    n: int


ROWS = [Row('tkd', Inner(36.349, -0.98765), 3), Row('tikhonov', Inner(12345.6, 0.0), 40)]


def test_markdown_has_three_significant_digits_and_flat_columns():
    assert to_markdown(ROWS).splitlines() == [
        '| method | error | slope | n |',
        '| --- | --- | --- | --- |',
        '| tkd | 36.3 | -0.988 | 3 |',
        '| tikhonov | 12346 | 0.00 | 40 |',
    ]


def test_files_hold_the_full_numbers(tmp_path):
    prefix = tmp_path / 'new' / 'accuracy'
    table = write_tables(ROWS, prefix)
    assert prefix.with_suffix('.md').read_text() == table
    records = json.loads(prefix.with_suffix('.json').read_text())
    assert records[0] == {'method': 'tkd', 'error': 36.349, 'slope': -0.98765, 'n': 3}
    with prefix.with_suffix('.csv').open() as file:
        assert [row['error'] for row in csv.DictReader(file)] == ['36.349', '12345.6']


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match='empty'):
        write_tables([], tmp_path / 'nothing')
