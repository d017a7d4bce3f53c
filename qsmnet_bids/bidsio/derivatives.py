"""Where the results go, and what the output dataset says about itself."""

import json
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.atomic import write_json, write_text
from qsmnet_bids.bidsio.names import ENTITY_ORDER, is_label, join_name
from qsmnet_bids.errors import InputError, Problem

APP = 'qsmnet-bids'
BIDS_VERSION = '1.10.0'
BIDSIGNORE = ('*.html', 'figures', 'log', 'logs', 'group_*', '*_stats.*', '*.toml')
"""Bare names: the validator still flags a folder that is given with a slash."""
UNCERTAINTY = 'uncertainty'
FMAP_ENTITIES = ('sub', 'ses', 'acq', 'run', 'space', 'res', 'chunk', 'desc')
"""That BIDS allows in derivatives in ``fmap``."""
CONTAINER_VARIABLE = 'QSMNET_BIDS_CONTAINER'
"""Set by the image's recipe to type and tag, such as ``docker:qsmnet-bids:0.1.0``."""


def derivative_path(
    output_dir: Path,
    entities: Mapping[str, str],
    *,
    suffix: str,
    desc: str | None = None,
    extension: str = '.nii.gz',
    datatype: str = 'anat',
) -> Path:
    """Name a file of the output dataset.

    Parameters
    ----------
    output_dir
        Root of the output dataset.
    entities
        Values by short key (``sub``, ``ses``, ``run``, ...), in any order.
    suffix
        Such as ``Chimap``.
    desc
        The ``desc`` entity; None for none.
    extension
        With its dot.
    datatype
        Folder below the subject's or session's; ``figures`` lies below the subject's.

    Returns
    -------
        Path inside ``output_dir``; nothing is made on the disk.

    >>> derivative_path(Path('out'), {'sub': '01'}, suffix='Chimap', desc='tkd').as_posix()
    'out/sub-01/anat/sub-01_desc-tkd_Chimap.nii.gz'
    """
    if 'sub' not in entities:
        raise ValueError(f'entities must name the subject (sub), got {dict(entities)}')
    if not is_label(suffix) or not is_label(datatype):
        raise ValueError(f'suffix and datatype must be letters and digits: {suffix}, {datatype}')
    if not is_label(extension.replace('.', '')) or not extension.startswith('.'):
        raise ValueError(f"extension must be like '.nii.gz', got {extension!r}")
    described = dict(entities) | ({'desc': desc} if desc else {})
    name = join_name(_for_fmap(described) if datatype == 'fmap' else described)
    folder = output_dir / f'sub-{entities["sub"]}'
    if 'ses' in entities and datatype != 'figures':
        folder /= f'ses-{entities["ses"]}'
    return folder / datatype / f'{name}_{suffix}{extension}'


def uncertainty_label(inversion: str) -> str:
    """Name the uncertainty of a map in its file's ``desc``, beside the map, which has its own.

    Parameters
    ----------
    inversion
        Method of the map.

    >>> uncertainty_label('tkd')
    'tkduncertainty'
    """
    return f'{inversion.replace("_", "")}{UNCERTAINTY}'


def bids_uri(path: Path, bids_dir: Path) -> str:
    """Name a file of the raw dataset as a BIDS URI.

    Parameters
    ----------
    path
        A file of the raw dataset.
    bids_dir
        Root of the raw dataset.

    Returns
    -------
        ``bids:raw:`` and the path in the dataset; for a file outside it (a provided mask in
        another dataset) a file URI.
    """
    absolute, root = Path(os.path.abspath(path)), Path(os.path.abspath(bids_dir))  # noqa: PTH100 -- resolve() follows git-annex links
    if not absolute.is_relative_to(root):
        return absolute.as_uri()
    return f'bids:raw:{absolute.relative_to(root).as_posix()}'


def write_dataset_description(output_dir: Path, *, bids_dir: Path) -> list[str]:
    """Write ``dataset_description.json`` of the output dataset.

    Versions of this app that wrote into the folder earlier stay listed under ``GeneratedBy``.

    Parameters
    ----------
    output_dir
        Root of the output dataset.
    bids_dir
        Root of the raw dataset, to which ``DatasetLinks`` points.

    Returns
    -------
        Warnings: sentences for the log.
    """
    path = output_dir / 'dataset_description.json'
    raw = _read_object(bids_dir / 'dataset_description.json')
    earlier = _earlier_versions(path)
    source = {'URL': _link(bids_dir, output_dir)}
    if 'DatasetDOI' in raw:
        source['DOI'] = str(raw['DatasetDOI'])
    content: dict[str, object] = {
        'Name': f'{APP}: quantitative susceptibility maps',
        'BIDSVersion': BIDS_VERSION,
        'DatasetType': 'derivative',
        'GeneratedBy': [_generated_by(), *earlier],
        'SourceDatasets': [source],
        'DatasetLinks': {'raw': _link(bids_dir, output_dir)},
        'HowToAcknowledge': 'Cite the references that logs/CITATION.md lists.',
    }
    if 'License' in raw:
        content['License'] = raw['License']
    write_json(path, content)
    return [
        f'{output_dir} already holds results of {APP} {entry.get("Version", "of unknown version")}'
        f'; this is {__version__}: do not compare them without care'
        for entry in earlier
    ]


def write_bidsignore(output_dir: Path) -> None:
    """Write ``.bidsignore``, keeping the lines that it already has.

    Parameters
    ----------
    output_dir
        Root of the output dataset.
    """
    path = output_dir / '.bidsignore'
    present = path.read_text(encoding='utf-8').splitlines() if path.exists() else []
    missing = [line for line in BIDSIGNORE if line not in present]
    if missing:
        write_text(path, '\n'.join([*present, *missing]) + '\n')


def _for_fmap(entities: Mapping[str, str]) -> dict[str, str]:
    """Move what BIDS does not allow in the names of field maps into ``acq``: acq-xrecnorm."""
    kept = {key: value for key, value in entities.items() if key in FMAP_ENTITIES}
    moved = ''.join(
        f'{key}{entities[key]}'
        for key in ENTITY_ORDER
        if key in entities and key not in FMAP_ENTITIES
    )
    return kept | ({'acq': kept.get('acq', '') + moved} if moved else {})


def _generated_by() -> dict[str, object]:
    entry: dict[str, object] = {'Name': APP, 'Version': __version__}
    code_url = _code_url()
    if code_url:
        entry['CodeURL'] = code_url
    container = os.environ.get(CONTAINER_VARIABLE)
    if container:
        kind, _, tag = container.partition(':')
        entry['Container'] = {'Type': kind, 'Tag': tag}
    return entry


def _code_url() -> str | None:
    """Look up the repository's address where the package declares it."""
    try:
        declared = metadata(APP).get_all('Project-URL') or []
    except PackageNotFoundError:
        return None
    addresses = dict(line.split(', ', 1) for line in declared)
    return next(
        (addresses[key] for key in ('Repository', 'Source', 'Homepage') if key in addresses), None
    )


def _earlier_versions(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    generated_by = _read_object(path).get('GeneratedBy')
    entries = (
        [entry for entry in generated_by if isinstance(entry, dict)]
        if isinstance(generated_by, list)
        else []
    )
    if not any(entry.get('Name') == APP for entry in entries):
        raise InputError(
            Problem(
                str(path),
                'GeneratedBy',
                f'not a dataset of {APP}',
                'choose an output folder that is empty or was written by this app',
            )
        )
    return [e for e in entries if e.get('Name') == APP and e.get('Version') != __version__]


def _read_object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            Problem(str(path), 'content', f'cannot be read: {error}', 'mend or delete the file')
        ) from error
    return content if isinstance(content, dict) else {}


def _link(bids_dir: Path, output_dir: Path) -> str:
    root, output = bids_dir.resolve(), output_dir.resolve()
    # relative where both move together
    return os.path.relpath(root, output) if output.is_relative_to(root) else root.as_uri()
