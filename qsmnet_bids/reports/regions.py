"""The regions of one run, for its report."""

from dataclasses import dataclass
from pathlib import Path

from qsmnet_bids.bidsio.region_tables import LABELS, UNITS, find_regions, read_regions
from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.values import DASH, MINUS

_DIGITS = {'chi': 4, 'r2star': 1}
_STATISTICS = ('mean', 'median', 'sd')


@dataclass(frozen=True)
class RegionsTable:
    """The regions of a segmentation in a run's maps, as ``regions.html`` shows them.

    Parameters
    ----------
    segmentation
        Its label.
    maps
        Name and unit of each map that was measured.
    rows
        Region, voxels, volume (ml), share inside the mask (%), the statistics of each map, note.
    problem
        Why there are no rows; empty if there are.
    """

    segmentation: str
    maps: list[tuple[str, str]]
    rows: list[list[str]]
    problem: str = ''


def regions_table(output_dir: Path, record: RunRecord) -> list[RegionsTable]:
    """Read the tables of a run's regions.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    record
        Of the run.

    Returns
    -------
        One per segmentation; empty where none was measured.
    """
    return [
        _read(file.path, file.segmentation)
        for file in find_regions(output_dir, record.entities['sub'])
        if (file.run, file.inversion) == (record.name, record.inversion)
    ]


def _read(path: Path, segmentation: str) -> RegionsTable:
    try:
        found = list(read_regions(path))
        maps = [name for name in LABELS if found and f'{name}_mean' in found[0]]
        rows = [_row(row, maps) for row in found]
    except (OSError, KeyError, ValueError) as error:
        return RegionsTable(segmentation, [], [], problem=f'{path.name} cannot be read: {error}')
    return RegionsTable(segmentation, [(LABELS[name], UNITS[name]) for name in maps], rows)


def _row(row: dict[str, str], maps: list[str]) -> list[str]:
    return [
        row['name'] or row['index'],
        row['n_voxels'],
        _show(row['volume_mm3'], 2, factor=1e-3),
        _show(row['share_in_mask'], 0, factor=100),
        *(_show(row[f'{name}_{what}'], _DIGITS[name]) for name in maps for what in _STATISTICS),
        row['note'],
    ]


def _show(cell: str, digits: int, *, factor: float = 1.0) -> str:
    return f'{float(cell) * factor:.{digits}f}'.replace('-', MINUS) if cell else DASH
