"""All runs of a dataset on one page and in one table, from their sidecars alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_bytes, write_json, write_text
from qsmnet_bids.errors import InputError
from qsmnet_bids.reports.measures import BY_KEY, MEASURES, Measure
from qsmnet_bids.reports.outliers import LEAST_RUNS, THRESHOLD, Mark, find_outliers
from qsmnet_bids.reports.pages import render
from qsmnet_bids.reports.plots import HEIGHT, WIDTH, Plot, lay_out
from qsmnet_bids.reports.records import RunRecord, find_sidecars, read_record
from qsmnet_bids.reports.values import TIMES, join_numbers

TABLE = 'group_megre'
PAGE = 'group.html'
MOST_ROWS = 2000
_TABLE_KEYS = (
    'mask_volume_ml',
    'chi_p05',
    'chi_p50',
    'chi_p95',
    'chi_sd',
    'field_noise_ppm',
    'forward_residual_ratio',
    'run_time_s',
)
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
    """A run in the page's table.

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


def write_group(output_dir: Path) -> tuple[Path, Path]:
    """Write ``group_megre.tsv`` with its dictionary, and ``group.html``.

    Parameters
    ----------
    output_dir
        Derivative dataset.

    Returns
    -------
        Table and page.
    """
    records, unreadable = _read_all(output_dir)
    marks = find_outliers(records)
    pages = {path.stem for path in output_dir.glob('sub-*.html')}
    lines = [
        Line(record, found, record.warnings, _link(record, pages))
        for record, found in zip(records, marks, strict=True)
    ]
    table = output_dir / f'{TABLE}.tsv'
    write_text(table, _tsv(lines))
    write_json(output_dir / f'{TABLE}.json', _dictionary())
    shown = lines if len(lines) <= MOST_ROWS else [line for line in lines if line.is_flagged]
    page = render(
        'group.html',
        n_runs=len(lines),
        n_subjects=len({line.record.entities.get('sub') for line in lines}),
        n_outliers=sum(bool(line.marks) for line in lines),
        n_warned=sum(bool(line.warnings) for line in lines),
        lines=shown[:MOST_ROWS],
        measures=[BY_KEY[key] for key in _TABLE_KEYS],
        protocols=_protocols(records),
        plots=_plots(lines),
        size=(WIDTH, HEIGHT),
        least_runs=LEAST_RUNS,
        threshold=THRESHOLD,
        unreadable=unreadable,
        without_map=_without_map(output_dir, pages, lines),
        table=table.name,
        version=__version__,
    )
    write_bytes(output_dir / PAGE, page)
    return table, output_dir / PAGE


def _read_all(output_dir: Path) -> tuple[list[RunRecord], list[str]]:
    records, unreadable = [], []
    for path in find_sidecars(output_dir):
        try:
            record = read_record(path)
        except InputError as error:
            unreadable.append(str(error).replace(f'{output_dir}/', ''))
            continue
        # the steps are the bulk of a sidecar, and a dataset may have ten thousand of them
        records.append(replace(record, steps=(), scanner={}, warnings=tuple(record.all_warnings)))
    return records, unreadable


def _link(record: RunRecord, pages: set[str]) -> str:
    page = f'sub-{record.entities.get("sub", "")}'
    return quote(f'{page}.html') if page in pages else ''


def _without_map(output_dir: Path, pages: set[str], lines: Sequence[Line]) -> list[str]:
    folders = {path.name for path in output_dir.glob('sub-*') if path.is_dir()}
    mapped = {f'sub-{line.record.entities.get("sub", "")}' for line in lines}
    return sorted((folders | pages) - mapped)


def _protocols(records: Sequence[RunRecord]) -> list[tuple[str, str, str, int]]:
    counted = Counter((record.b0, record.echo_times, record.voxel_size) for record in records)
    return [
        (
            'not recorded' if b0 is None else f'{b0:g}',
            join_numbers(1000 * time for time in times) or 'not recorded',
            join_numbers(sizes, f' {TIMES} ') or 'not recorded',
            count,
        )
        for (b0, times, sizes), count in counted.most_common()
    ]


def _plots(lines: Sequence[Line]) -> list[tuple[Measure, Plot]]:
    plots = []
    for measure in MEASURES:
        known = [line for line in lines if measure.key in line.record.quality]
        if not known:
            continue
        values = np.array([line.record.quality[measure.key] for line in known])
        marked = [line.stands_apart(measure) for line in known]
        names = [line.record.name for line in known]
        plots.append((measure, lay_out(values, names, np.array(marked))))
    return plots


def _tsv(lines: Sequence[Line]) -> str:
    header = [*_COLUMNS, *(measure.key for measure in MEASURES), *_LAST_COLUMNS]
    rows = ['\t'.join(header)]
    rows += ['\t'.join(_clean(cell) for cell in _cells(line)) for line in lines]
    return '\n'.join(rows) + '\n'


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
