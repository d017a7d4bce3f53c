"""The regions of all runs: one table, written as the runs' tables are read, and their medians."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qsmnet_bids.bidsio.atomic import whole_file, write_json
from qsmnet_bids.bidsio.region_tables import (
    LABELS,
    UNITS,
    RegionsFile,
    dictionary,
    find_regions,
    read_regions,
)

TABLE = 'group_regions'
MAPS = tuple(UNITS)
_RUN = {
    'participant_id': 'Label of the subject.',
    'session_id': 'Label of the session.',
    'acq': 'Label of the acquisition.',
    'rec': 'Label of the reconstruction.',
    'run': 'Index of the run.',
    'name': 'All entities of the run.',
    'inversion': 'Method of the dipole inversion.',
    'segmentation': 'Whose regions they are.',
}
_RENAMED = {'index': 'region_index', 'name': 'region'}

Key = tuple[str, str]
"""Region and map."""


@dataclass
class Family:
    """Regions of one segmentation in the maps of one inversion.

    Parameters
    ----------
    segmentation, inversion
        Labels.
    regions
        Names, as they came.
    n_noted
        Runs by region in which it has a note.
    """

    segmentation: str
    inversion: str
    regions: dict[str, None] = field(default_factory=dict)
    n_noted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _subjects: dict[str, int] = field(default_factory=dict)
    _values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    _owners: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, subject: str, row: Mapping[str, str]) -> None:
        """Take in one row of a run's table."""
        region = row['name'] or row['index']
        self.regions[region] = None
        if row['note']:
            self.n_noted[region] += 1
        owner = self._subjects.setdefault(subject, len(self._subjects))
        for name in MAPS:
            median = row.get(f'{name}_median')
            if median:
                self._values[region, name].append(float(median))
                self._owners[region, name].append(owner)

    def medians(self, region: str, name: str) -> dict[str, float]:
        """Give the median of a map in a region by subject: the median over its runs."""
        if (region, name) not in self._values:
            return {}
        values = np.array(self._values[region, name])
        owners = np.array(self._owners[region, name])
        order = np.argsort(owners, kind='stable')
        found, first = np.unique(owners[order], return_index=True)
        parts = np.split(values[order], first[1:])
        labels = list(self._subjects)
        return {
            labels[owner]: float(np.median(part)) if len(part) > 1 else float(part[0])
            for owner, part in zip(found, parts, strict=True)
        }


def collect_regions(output_dir: Path) -> tuple[list[Family], list[str]]:
    """Write ``group_regions.tsv`` with its dictionary while reading the runs' tables.

    Parameters
    ----------
    output_dir
        Derivative dataset.

    Returns
    -------
        Families of regions, and sentences on tables that cannot be read; both empty, and no file
        written, where no run has a table.
    """
    files = list(find_regions(output_dir))
    families: dict[tuple[str, str], Family] = {}
    unreadable: list[str] = []
    told = _dictionary()
    if not files:
        for suffix in ('.tsv', '.json'):  # of an earlier call
            (output_dir / f'{TABLE}{suffix}').unlink(missing_ok=True)
        return [], []
    with whole_file(output_dir / f'{TABLE}.tsv') as table:
        table.write(('\t'.join(told) + '\n').encode())
        for file in files:
            try:
                rows = list(read_regions(file.path))
            except (OSError, ValueError) as error:
                unreadable.append(str(error).replace(f'{output_dir}/', ''))
                continue
            key = (file.segmentation, file.inversion)
            family = families.setdefault(key, Family(*key))
            lines = _lines(file, rows, list(told)[len(_RUN) :])
            table.write(''.join(lines).encode())
            subject = _entities(file.run).get('sub', '')
            for row in rows:
                family.add(subject, row)
    write_json(output_dir / f'{TABLE}.json', told)
    return list(families.values()), unreadable


def summary_rows(family: Family) -> Iterator[tuple[str, str, str, np.ndarray, int]]:
    """Summarise each region over the participants.

    Parameters
    ----------
    family
        As ``collect_regions`` gives it.

    Returns
    -------
        Region, map, unit, quartiles over the participants with their number in front, and the
        number of runs with a note.
    """
    for region in family.regions:
        for name in MAPS:
            medians = np.array(list(family.medians(region, name).values()))
            if medians.size:
                quartiles = np.percentile(medians, [25, 50, 75])
                numbers = np.concatenate([[medians.size], quartiles])
                yield region, LABELS[name], UNITS[name], numbers, family.n_noted[region]


def _lines(
    file: RegionsFile, rows: Sequence[Mapping[str, str]], columns: Sequence[str]
) -> Iterator[str]:
    entities = _entities(file.run)
    session = entities.get('ses')
    own = [
        f'sub-{entities.get("sub", "")}',
        f'ses-{session}' if session else 'n/a',
        *(entities.get(key) or 'n/a' for key in ('acq', 'rec', 'run')),
        file.run,
        file.inversion,
        file.segmentation,
    ]
    start = '\t'.join(own)
    names = [_ORIGINAL.get(column, column) for column in columns]
    for row in rows:
        yield '\t'.join([start, *(row.get(name) or 'n/a' for name in names)]) + '\n'


_ORIGINAL = {new: old for old, new in _RENAMED.items()}


def _dictionary() -> dict[str, object]:
    own: dict[str, object] = {key: {'Description': text} for key, text in _RUN.items()}
    measured = dictionary(list(MAPS))
    return own | {_RENAMED.get(column, column): told for column, told in measured.items()}


def _entities(run: str) -> dict[str, str]:
    return dict(part.split('-', 1) for part in run.split('_') if '-' in part)
