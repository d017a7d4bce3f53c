"""Region statistics of a run as a table beside its maps."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qsmnet_bids.bidsio.atomic import write_json, write_text
from qsmnet_bids.regional.statistics import Measured, Region

SUFFIX = '_stats.tsv'
UNITS = {'chi': 'ppm', 'r2star': '1/s'}
LABELS = {'chi': 'Susceptibility', 'r2star': 'R2*'}
FIXED = {
    'index': ('Label in the segmentation.', ''),
    'name': ('Name in the table of the segmentation.', ''),
    'n_voxels': ('Voxels of the map in the region and inside the mask.', ''),
    'volume_mm3': ('Volume of the whole region on the grid of the segmentation.', 'mm^3'),
    'share_in_mask': ('Part of that volume which lies inside the mask, 0 to 1.', ''),
}
STATISTICS = {
    'mean': 'mean over those voxels',
    'median': 'median over those voxels',
    'sd': 'standard deviation over those voxels',
}
NOTE = ('What to know before the row is used.', '')


@dataclass(frozen=True)
class RegionsFile:
    """Whose regions a table holds.

    Parameters
    ----------
    path
        Of the table.
    run
        Entities of the run, as in ``sub-01_run-1``.
    segmentation
        Its ``seg`` entity.
    inversion
        Its ``desc`` entity: the label of the susceptibility map.
    """

    path: Path
    run: str
    segmentation: str
    inversion: str


def write_regions(
    path: Path,
    measured: Measured,
    *,
    sources: Mapping[str, str],
    placement: Mapping[str, object] | None = None,
) -> list[Path]:
    """Write the table of a run and the dictionary of its columns.

    Parameters
    ----------
    path
        Ends in ``_stats.tsv``.
    measured
        As ``regional.statistics.measure_regions`` gives it.
    sources
        Where the numbers are from, for the dictionary.
    placement
        How the segmentation was brought to the run's space, for the dictionary; None or empty
        where it lay there already.

    Returns
    -------
        Both files.
    """
    names = list(measured.regions[0].maps)
    beside = path.with_suffix('.json')
    about = {
        'Sources': dict(sources),
        **({'Placement': dict(placement)} if placement else {}),
        'AbsentRegions': list(measured.absent),
        'UnnamedLabels': list(measured.unnamed),
    }
    write_json(beside, about | dictionary(names))
    write_text(path, to_tsv(measured))
    return [path, beside]


def to_tsv(measured: Measured) -> str:
    """Lay out the table of a run.

    Parameters
    ----------
    measured
        With at least one region.
    """
    rows = ['\t'.join(dictionary(list(measured.regions[0].maps)))]
    rows += ['\t'.join(_cells(region)) for region in measured.regions]
    return '\n'.join(rows) + '\n'


def dictionary(maps: list[str]) -> dict[str, object]:
    """Describe the columns of a table.

    Parameters
    ----------
    maps
        Such as ``['chi', 'r2star']``.
    """
    told = dict(FIXED)
    for name in maps:
        for statistic, meaning in STATISTICS.items():
            told[f'{name}_{statistic}'] = (f'{LABELS[name]}, {meaning}.', UNITS[name])
    told['note'] = NOTE
    return {
        column: {'Description': meaning} | ({'Units': unit} if unit else {})
        for column, (meaning, unit) in told.items()
    }


def find_regions(output_dir: Path, subject: str = '*') -> Iterator[RegionsFile]:
    """List the tables of a dataset, subject by subject.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    subject
        Label without ``sub-``; ``'*'`` for all.
    """
    for folder in sorted(output_dir.glob(f'sub-{subject}')):
        for path in sorted(folder.glob(f'**/sub-*{SUFFIX}')) if folder.is_dir() else ():
            name, _, inversion = path.name.removesuffix(SUFFIX).partition('_desc-')
            run, _, segmentation = name.partition('_seg-')
            if segmentation and inversion:
                yield RegionsFile(path, run, segmentation, inversion)


def read_regions(path: Path) -> Iterator[dict[str, str]]:
    """Read a table row by row; what is not available is empty.

    Parameters
    ----------
    path
        Ends in ``_stats.tsv``.

    Raises
    ------
    ValueError
        If it lacks a column or a row is cut off.
    """
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.reader(file, delimiter='\t', quoting=csv.QUOTE_NONE)
        header = next(reader, [])
        if not {'index', 'name', 'chi_median', 'note'} <= set(header):
            raise ValueError(f'{path}: columns {header} are not those of region statistics')
        for row in reader:
            if len(row) != len(header):
                raise ValueError(f'{path}: line {reader.line_num} has {len(row)} cells')
            yield dict(zip(header, ('' if cell == 'n/a' else cell for cell in row), strict=True))


def _cells(region: Region) -> Iterator[str]:
    yield str(region.index)
    yield ' '.join(region.name.split()) or 'n/a'
    yield str(region.n_voxels)
    yield f'{region.volume_mm3:.6g}'
    yield f'{region.share_in_mask:.4f}'
    for summary in region.maps.values():
        for value in (summary.mean, summary.median, summary.sd):
            yield f'{value:.6g}' if math.isfinite(value) else 'n/a'
    yield region.note or 'n/a'
