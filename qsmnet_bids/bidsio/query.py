"""Find the runs of a BIDS dataset that can become a susceptibility map."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bids.layout import Query

from qsmnet_bids.bidsio.filters import Filter, Filters, load_filters
from qsmnet_bids.bidsio.index import get_images, index_images, open_database, release
from qsmnet_bids.bidsio.names import LONG_NAMES, parse_name, parse_suffix
from qsmnet_bids.errors import InputError, Problem, SettingsError

SUFFIXES = ('MEGRE', 'T2starw')
DATATYPES = ('anat',)
DEFAULTS: Filter = {'suffix': list(SUFFIXES), 'datatype': 'anat', 'extension': ['.nii', '.nii.gz']}


@dataclass(frozen=True)
class Run:
    """The images of one acquisition: what differs only in ``echo`` and ``part``.

    Parameters
    ----------
    subject, session
        Labels; the session is empty where the dataset has none.
    entities
        Values as they stand in the file names, by short key (``sub``, ``ses``, ``acq``, ...),
        without ``echo`` and ``part``.
    suffix
        Of the images.
    magnitude, phase
        Image by number of the echo; an image without ``echo`` is the first.
    unclear
        Images that have no place, because their echo is not a number or is taken.
    """

    subject: str
    session: str
    entities: dict[str, str]
    suffix: str
    magnitude: dict[int, Path]
    phase: dict[int, Path]
    unclear: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Name of the run, such as ``sub-01_ses-a_run-1``, even if a label is not valid."""
        return '_'.join(f'{key}-{value}' for key, value in self.entities.items())


def find_runs(
    bids_dir: Path,
    *,
    participant_labels: Sequence[str] = (),
    session_labels: Sequence[str] = (),
    filter_file: Path | None = None,
    database_dir: Path | None = None,
    validate: bool = True,
) -> list[Run]:
    """Find all runs with multi-echo or single-echo magnitude or phase.

    Only the subjects and sessions asked for are indexed, and of these only images of the suffixes
    that can match. A ``T2starw`` counts if any of its images has a ``part``.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    participant_labels, session_labels
        Without ``sub-`` and ``ses-``; empty for all.
    filter_file
        See ``filters.load_filters``.
    database_dir
        Folder of a pybids database, which is made, with all subjects, where there is none.
    validate
        Whether ``dataset_description.json`` must be in order.

    Returns
    -------
        Sorted by name. Runs may be incomplete: that is for ``preflight.check`` to say.
    """
    if validate:
        _check_description(bids_dir)
    filters = load_filters(filter_file)
    subjects = _known_labels([bids_dir], 'sub', participant_labels)
    sessions = _known_labels([bids_dir / f'sub-{s}' for s in subjects], 'ses', session_labels)
    magnitude: Filter = DEFAULTS | {'part': ['mag', Query.NONE]} | filters.magnitude
    phase: Filter = DEFAULTS | {'part': 'phase'} | filters.phase
    layout = (
        open_database(bids_dir, database_dir)
        if database_dir
        else index_images(bids_dir, subjects, sessions, [magnitude, phase])
    )
    asked_sessions = sessions if session_labels else None
    try:
        found = [
            [
                path
                for path in get_images(layout, wanted)
                if _is_asked_for(path, subjects, asked_sessions)
            ]
            for wanted in (magnitude, phase)
        ]
    finally:
        release(layout)
    runs = _group(*found, dropped=_telling_entities(filters))
    if 'suffix' not in filters.magnitude:
        runs = [run for run in runs if _is_complex(run)]
    if not runs:
        raise InputError(_nothing_found(bids_dir))
    return runs


def _check_description(bids_dir: Path) -> None:
    path = bids_dir / 'dataset_description.json'
    remedy = 'give the root of a BIDS dataset, or skip the validation'
    if not path.is_file():
        raise InputError(Problem(str(path), 'file', 'does not exist', remedy))
    try:
        description = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), 'content', f'not JSON: {error}', remedy)) from error
    if not isinstance(description, dict):
        found = f'a JSON {type(description).__name__}'
        raise InputError(Problem(str(path), 'content', found, 'it must hold an object'))
    missing = [key for key in ('Name', 'BIDSVersion') if key not in description]
    if missing:
        raise InputError(Problem(str(path), ', '.join(missing), 'missing', 'add the field'))


def _known_labels(folders: Iterable[Path], key: str, asked: Sequence[str]) -> list[str]:
    known = {
        path.name.removeprefix(f'{key}-')
        for folder in folders
        for path in folder.glob(f'{key}-*')
        if path.is_dir()
    }
    wanted = [label.removeprefix(f'{key}-') for label in asked]
    unknown = sorted(set(wanted) - known)
    if unknown:
        kind = {'sub': 'participant', 'ses': 'session'}[key]
        there_are = ', '.join(sorted(known)) or 'none'
        raise SettingsError(f'{kind} {", ".join(unknown)} not found; there are: {there_are}')
    return sorted(set(wanted) or known)


def _is_asked_for(path: Path, subjects: list[str], sessions: list[str] | None) -> bool:
    entities = parse_name(path)
    return entities.get('sub') in subjects and (
        sessions is None or entities.get('ses') in sessions
    )


def _telling_entities(filters: Filters) -> set[str]:
    """Name the entities that tell magnitude from phase, such as ``acq-mag`` and ``acq-phase``."""
    magnitude, phase = filters.magnitude, filters.phase
    differing = {n for n in magnitude.keys() & phase.keys() if magnitude[n] != phase[n]}
    return {LONG_NAMES.get(name, name) for name in differing} | {'echo', 'part'}


def _group(magnitude: list[Path], phase: list[Path], *, dropped: set[str]) -> list[Run]:
    runs: dict[tuple[object, ...], Run] = {}
    for part, paths in (('magnitude', magnitude), ('phase', phase)):
        # an image that says its part has the first right to its place
        for path in sorted(paths, key=lambda path: 'part' not in parse_name(path)):
            entities = {k: v for k, v in parse_name(path).items() if k not in dropped}
            suffix = parse_suffix(path)
            key = (*sorted(entities.items()), '' if 'suffix' in dropped else suffix)
            new = Run(entities['sub'], entities.get('ses', ''), entities, suffix, {}, {})
            runs[key] = _add(runs.get(key, new), part, path)
    return sorted(runs.values(), key=lambda run: (run.subject, run.session, run.name, run.suffix))


def _add(run: Run, part: str, path: Path) -> Run:
    images = run.magnitude if part == 'magnitude' else run.phase
    echo = parse_name(path).get('echo', '1')
    if not echo.isdecimal() or int(echo) in images:
        return replace(run, unclear=(*run.unclear, path))
    images = images | {int(echo): path}
    return replace(run, magnitude=images) if part == 'magnitude' else replace(run, phase=images)


def _is_complex(run: Run) -> bool:
    images = (*run.magnitude.values(), *run.phase.values(), *run.unclear)
    return run.suffix == 'MEGRE' or any('part' in parse_name(path) for path in images)


def _nothing_found(bids_dir: Path) -> Problem:
    return Problem(
        str(bids_dir),
        'images',
        'no multi-echo gradient-echo run found',
        'name the images like sub-01_echo-1_part-phase_MEGRE.nii.gz, or say what stands for them '
        'in a BIDS filter file',
    )
