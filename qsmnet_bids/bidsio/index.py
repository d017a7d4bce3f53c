"""pybids' index of a dataset, kept to the files that matter: a full one takes a second per 500."""

import re
from collections.abc import Iterable
from pathlib import Path

from bids import BIDSLayout
from bids.layout import BIDSFile, BIDSLayoutIndexer, Query
from bids.layout.db import ConnectionManager
from sqlalchemy.exc import SQLAlchemyError

from qsmnet_bids.bidsio.filters import Filter
from qsmnet_bids.bidsio.names import parse_name, parse_suffix
from qsmnet_bids.errors import SettingsError

NO_IMAGE = r'\.(?!(nii|gz)$)[^./]+$'


def index_images(
    bids_dir: Path, subjects: list[str], sessions: list[str], wanted: list[Filter]
) -> BIDSLayout:
    """Index the images that can match.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    subjects, sessions
        Labels; no sessions for all.
    wanted
        Filters, each with ``suffix`` and ``datatype``.
    """
    patterns = [rf'^/(?!sub-({_any_of(subjects)})(/|$))', NO_IMAGE]
    if sessions:
        patterns.append(rf'^/sub-[^/]+/ses-(?!({_any_of(sessions)})(/|$))')
    suffixes, datatypes = _values(wanted, 'suffix'), _values(wanted, 'datatype')
    if suffixes is not None:
        patterns.append(rf'_(?!({_any_of(suffixes)})\.)[^_/]+\.nii(\.gz)?$')
    if datatypes is not None:
        patterns.append(rf'^/sub-[^/]+/(ses-[^/]+/)?(?!ses-|({_any_of(datatypes)})(/|$))')
    return _index(bids_dir, patterns)


def open_database(bids_dir: Path, database_dir: Path) -> BIDSLayout:
    """Open a pybids database, or make it, with the images of all subjects.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    database_dir
        Folder of the database.
    """
    try:
        layout = _index(bids_dir, [r'^/(?!sub-)', NO_IMAGE], database_dir)
    except (SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f'{database_dir}: cannot be used as a database ({reason}); name another folder or '
            f'delete it'
        ) from error
    if Path(layout.root).resolve() != bids_dir.resolve():
        raise SettingsError(
            f'{database_dir}: is the database of {layout.root}, not of {bids_dir}; name another '
            f'folder or delete it'
        )
    return layout


def get_images(layout: BIDSLayout, wanted: Filter) -> list[Path]:
    """Look up images.

    Parameters
    ----------
    layout
        The index.
    wanted
        Filter.

    Returns
    -------
        Also images whose labels hold a dot, which pybids cannot read: they are to be refused by
        name, not passed over.
    """
    try:
        found = layout.get(return_type='filename', **wanted)
    except ValueError as error:
        raise SettingsError(f'BIDS filter file: {error}') from error
    dotted = [name for name in layout.files if _is_dotted(Path(name), wanted)]
    return [Path(name) for name in [*found, *dotted]]


def release(layout: BIDSLayout) -> None:
    """Free an index, which pybids would keep for as long as the process runs.

    Parameters
    ----------
    layout
        Of no more use after this.
    """
    layout.connection_manager.session.close()
    layout.connection_manager.engine.dispose()
    for kept in (BIDSLayout.config, BIDSFile.relpath, ConnectionManager.layout_info):
        kept.fget.cache_clear()


def _is_dotted(path: Path, wanted: Filter) -> bool:
    stem = path.name.removesuffix('.gz').removesuffix('.nii')
    parts = ['phase'] if wanted['part'] == 'phase' else ['mag', None]
    return (
        '.' in stem
        and parse_suffix(path) in _as_list(wanted['suffix'])
        and parse_name(path).get('part') in parts
    )


def _index(bids_dir: Path, ignored: list[str], database_dir: Path | None = None) -> BIDSLayout:
    patterns = [re.compile(pattern) for pattern in ignored]
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=patterns)
    return BIDSLayout(bids_dir, validate=False, indexer=indexer, database_path=database_dir)


def _any_of(values: Iterable[str]) -> str:
    return '|'.join(re.escape(value) for value in values)


def _values(wanted: list[Filter], name: str) -> list[str] | None:
    """Collect what the filters ask of an entity; None if one of them leaves it open."""
    values = [value for each in wanted for value in _as_list(each[name])]
    return None if any(isinstance(v, Query) for v in values) else [str(v) for v in values]


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
