"""All runs of a dataset on one page and in tables, from their sidecars and tables alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_bytes
from qsmnet_bids.errors import InputError
from qsmnet_bids.reports import scatter
from qsmnet_bids.reports.group_columns import (
    MOST_COLUMNS,
    MOST_PLOTS,
    against_columns,
)
from qsmnet_bids.reports.group_maps import GroupMaps, write_group_maps
from qsmnet_bids.reports.group_quantities import kinds_of, show
from qsmnet_bids.reports.group_regions import TABLE as REGIONS_TABLE
from qsmnet_bids.reports.group_regions import collect_regions, summary_rows
from qsmnet_bids.reports.group_tables import Line, write_run_table
from qsmnet_bids.reports.measures import BY_KEY, MEASURES, Measure
from qsmnet_bids.reports.outliers import LEAST_RUNS, THRESHOLD, find_outliers
from qsmnet_bids.reports.pages import render
from qsmnet_bids.reports.participants import Participants, read_participants
from qsmnet_bids.reports.plots import HEIGHT, WIDTH, Plot, lay_out
from qsmnet_bids.reports.records import SUFFIX, RunRecord, find_sidecars, read_record
from qsmnet_bids.reports.values import TIMES, join_numbers

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


def write_group(
    output_dir: Path, *, participants: Path | None = None, maps: bool = False
) -> tuple[Path, Path]:
    """Write ``group_megre.tsv``, ``group_regions.tsv``, their dictionaries, and ``group.html``.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    participants
        Table of the participants; None for ``participants.tsv`` in ``output_dir``.
    maps
        Whether mean and standard deviation of the maps are written where all lie on one grid.

    Returns
    -------
        Table of the runs, and page.
    """
    records, unreadable = _read_all(output_dir)
    pages = {path.stem for path in output_dir.glob('sub-*.html')}
    lines = [
        Line(record, found, record.warnings, _link(record, pages))
        for record, found in zip(records, find_outliers(records), strict=True)
    ]
    table = write_run_table(output_dir, lines)
    families, broken = collect_regions(output_dir)
    known = read_participants(participants or output_dir / 'participants.tsv')
    subjects = {line.record.entities.get('sub', ''): line.report for line in lines}
    shown = lines if len(lines) <= MOST_ROWS else [line for line in lines if line.is_flagged]
    page = render(
        'group.html',
        n_runs=len(lines),
        n_subjects=len(subjects),
        n_outliers=sum(bool(line.marks) for line in lines),
        n_warned=sum(bool(line.warnings) for line in lines),
        outliers=[line for line in lines if line.marks][:MOST_ROWS],
        lines=shown[:MOST_ROWS],
        measures=[BY_KEY[key] for key in _TABLE_KEYS],
        protocols=_protocols(records),
        plots=_plots(lines),
        size=(WIDTH, HEIGHT),
        families=[(family, list(summary_rows(family))) for family in families],
        against=against_columns(known, kinds_of(lines, families), subjects),
        notes=_notes(known, subjects),
        scatter=scatter,
        most_plots=MOST_PLOTS,
        show=show,
        group_maps=_maps(output_dir) if maps else [],
        least_runs=LEAST_RUNS,
        threshold=THRESHOLD,
        unreadable=unreadable + broken,
        without_map=_without_map(output_dir, pages, lines),
        table=table.name,
        regions_table=f'{REGIONS_TABLE}.tsv',
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
        links = [line.report for line in known]
        plots.append((measure, lay_out(values, names, links, np.array(marked))))
    return plots


def _notes(known: Participants, subjects: Mapping[str, str]) -> list[str]:
    notes = list(known.notes)
    unknown = sorted(set(subjects) - known.labels)
    if known.labels and unknown:
        some = ', '.join(unknown[:5]) + (', ...' if len(unknown) > 5 else '')
        notes.append(f'Not in participants.tsv, thus left out of what follows: {some}.')
    for kind in ('numbers', 'groups'):
        left = [column.name for column in known.columns if getattr(column, kind)][MOST_COLUMNS:]
        if left:
            notes.append(f'Columns beyond the first {MOST_COLUMNS}: {", ".join(left)}.')
    return notes


def _maps(output_dir: Path) -> list[GroupMaps]:
    by_inversion = defaultdict(list)
    for path in find_sidecars(output_dir):
        image = path.with_name(path.name.removesuffix('.json') + '.nii.gz')
        if image.is_file():
            by_inversion[path.name.removesuffix(SUFFIX).partition('_desc-')[2]].append(image)
    return [write_group_maps(output_dir, label, maps) for label, maps in by_inversion.items()]
