"""The runs of a dataset as a table, with a dictionary of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qsmnet_bids.bidsio.atomic import write_json, write_text
from qsmnet_bids.reports.measures import MEASURES, Measure
from qsmnet_bids.reports.outliers import Mark
from qsmnet_bids.reports.records import RunRecord

TABLE = 'group_megre'
_COLUMNS = {
    'participant_id': 'Label of the subject.',
    'session_id': 'Label of the session.',
    'acq': 'Label of the acquisition.',
    'rec': 'Label of the reconstruction.',
    'run': 'Index of the run.',
    'name': 'All entities of the run.',
    'inversion': 'Method of the dipole inversion.',
    'echo_times_s': 'Echo times, separated by commas.',
    'b0_t': 'Field strength.',
    'voxel_size_mm': 'Edges of the voxel, separated by commas.',
}
_UNITS = {'echo_times_s': 's', 'b0_t': 'T', 'voxel_size_mm': 'mm'}
_LAST_COLUMNS = {
    'n_warnings': 'How many warnings the run gave.',
    'warnings': 'The warnings, separated by semicolons.',
    'outlier': 'Whether a measure stands apart from the other runs with the same inversion.',
    'outlier_reasons': 'Which measures, separated by semicolons.',
}


@dataclass(frozen=True)
class Line:
    """A run in the tables.

    Parameters
    ----------
    record
        From the sidecar.
    marks
        Why it stands apart.
    warnings
        Of the run and its stages.
    report
        Relative link to the subject's page; empty where there is none.
    """

    record: RunRecord
    marks: tuple[Mark, ...]
    warnings: tuple[str, ...]
    report: str

    def stands_apart(self, measure: Measure) -> bool:
        """Tell whether this measure is one of the reasons."""
        return any(mark.measure == measure for mark in self.marks)

    @property
    def is_flagged(self) -> bool:
        """Whether the run deserves a look."""
        return bool(self.marks or self.warnings)


def write_run_table(output_dir: Path, lines: Sequence[Line]) -> Path:
    """Write ``group_megre.tsv`` and its dictionary.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    lines
        One per run.

    Returns
    -------
        The table.
    """
    header = [*_COLUMNS, *(measure.key for measure in MEASURES), *_LAST_COLUMNS]
    rows = ['\t'.join(header)]
    rows += ['\t'.join(_clean(cell) for cell in _cells(line)) for line in lines]
    table = output_dir / f'{TABLE}.tsv'
    write_text(table, '\n'.join(rows) + '\n')
    write_json(output_dir / f'{TABLE}.json', _dictionary())
    return table


def _cells(line: Line) -> list[str]:
    record, entities = line.record, line.record.entities
    session = entities.get('ses')
    return [
        f'sub-{entities.get("sub", "")}',
        f'ses-{session}' if session else '',
        *(entities.get(key, '') for key in ('acq', 'rec', 'run')),
        record.name,
        record.inversion,
        ','.join(f'{time:g}' for time in record.echo_times),
        '' if record.b0 is None else f'{record.b0:g}',
        ','.join(f'{size:g}' for size in record.voxel_size),
        *(_number(record.quality.get(measure.key)) for measure in MEASURES),
        str(len(line.warnings)),
        '; '.join(line.warnings),
        'true' if line.marks else 'false',
        '; '.join(str(mark) for mark in line.marks),
    ]


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.6g}'


def _clean(cell: str) -> str:
    return ' '.join(cell.split()) or 'n/a'


def _dictionary() -> dict[str, object]:
    entries: dict[str, object] = {}
    for column, description in _COLUMNS.items():
        units = {'Units': _UNITS[column]} if column in _UNITS else {}
        entries[column] = {'Description': description} | units
    for measure in MEASURES:
        units = {'Units': measure.unit} if measure.unit else {}
        entries[measure.key] = {
            'LongName': measure.label,
            'Description': measure.description,
        } | units
    return entries | {
        column: {'Description': description} for column, description in _LAST_COLUMNS.items()
    }
