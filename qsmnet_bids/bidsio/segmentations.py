"""Segmentations that other pipelines made for a subject, and the names of their regions."""

import csv
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsmnet_bids.bidsio.kinship import belongs, detail
from qsmnet_bids.bidsio.names import parse_name
from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.bidsio.scan import UNREADABLE
from qsmnet_bids.errors import InputError, Problem, SettingsError

NEEDED = ('SimpleITK', 'nilearn')
"""Packages that bring an atlas to a run."""
NATIVE_SPACES = {None, 'T1w', 'orig'}
"""Spaces in which scanner coordinates are the run's own."""


@dataclass(frozen=True)
class Segmentation:
    """A segmentation with its table.

    Parameters
    ----------
    image
        Labels, NIfTI.
    table
        TSV with the columns ``index`` and ``name``.
    name
        Its ``desc`` entity.
    """

    image: Path
    table: Path
    name: str


def find_segmentation(
    entities: Mapping[str, str], *, derivatives: Mapping[str, Path], desc: str
) -> Segmentation:
    """Find the segmentation of a run in derivative datasets.

    It belongs to a run if every entity in its name is the run's; of several the one that says
    most is taken. Its table is the TSV of the same name or one further up that says less.

    Parameters
    ----------
    entities
        Of the run, by short key.
    derivatives
        Datasets by name.
    desc
        Of the segmentation, such as ``aseg``.

    Raises
    ------
    InputError
        If there is none, no telling which, or no table.
    """
    subject = entities['sub']
    candidates = [
        (path, root)
        for root in derivatives.values()
        for path in sorted(root.glob(f'sub-{subject}/**/anat/*_dseg.nii*'))
        if belongs(path, entities) and _is_wanted(path, desc)
    ]
    most = max((detail(path) for path, _ in candidates), default=0)
    best = [(path, root) for path, root in candidates if detail(path) == most]
    run = '_'.join(f'{key}-{value}' for key, value in entities.items())
    where = ', '.join(str(root) for root in derivatives.values()) or 'no derivatives'
    if not best:
        found = f'no segmentation {run}_desc-{desc}_dseg.nii.gz in the space of the scanner'
        remedy = 'add it, or leave out --segmentation'
        raise InputError(Problem(where, 'segmentation', found, remedy, subject))
    if len(best) > 1:
        found = f'{len(best)} segmentations fit {run}: {", ".join(str(path) for path, _ in best)}'
        remedy = 'give --derivatives with one of them only'
        raise InputError(Problem(where, 'segmentation', found, remedy, subject))
    image, root = best[0]
    return Segmentation(image, _find_table(image, root, subject), desc)


def atlas_of(image: Path, table: Path) -> Segmentation:
    """Name an atlas by its file.

    Parameters
    ----------
    image
        Labels, NIfTI.
    table
        TSV with the columns ``index`` and ``name``.
    """
    stem = image.name.removesuffix('.gz').removesuffix('.nii')
    return Segmentation(image, table, re.sub('[^0-9A-Za-z]', '', stem) or 'atlas')


def check_atlas(atlas: Segmentation, *, other: str | None) -> None:
    """Refuse an atlas that cannot be measured, before any compute.

    Parameters
    ----------
    atlas
        As the user named it.
    other
        Segmentation that is measured too, whose table must have another name.

    Raises
    ------
    InputError
        If image or table cannot be used.
    SettingsError
        If what it needs is not installed.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"--atlas needs {' and '.join(missing)}: pip install 'qsmnet-bids[atlas]'"
        )
    if atlas.name == other:
        raise SettingsError(
            f'--atlas {atlas.image}: its table would be named like that of --segmentation '
            f'{other}; rename the file'
        )
    names = read_names(atlas.table)
    try:
        labels, _ = load_labels(atlas.image)
    except UNREADABLE as error:
        raise _unfit(atlas.image, 'data', str(error), 'give a NIfTI image') from error
    if not np.isin(list(names), labels).any():
        raise _unfit(atlas.table, 'index', 'no label of the image', 'give the table of this atlas')


def read_names(table: Path) -> dict[int, str]:
    """Read the names of the regions by label, the background (0) left out.

    Parameters
    ----------
    table
        TSV with the columns ``index`` and ``name``.

    Raises
    ------
    InputError
        If a column is missing, or a label is not a whole number or stands there twice.
    """
    with table.open(newline='', encoding='utf-8-sig') as file:
        reader = csv.DictReader(file, delimiter='\t')
        missing = {'index', 'name'} - set(reader.fieldnames or ())
        if missing:
            columns = ', '.join(reader.fieldnames or ()) or 'none'
            raise _unfit(table, 'columns', f'{columns}', f'add {" and ".join(sorted(missing))}')
        names: dict[int, str] = {}
        for row in reader:
            index, name = row['index'] or '', ' '.join((row['name'] or '').split())
            if not index.strip().lstrip('-').isdecimal():
                raise _unfit(table, 'index', repr(index), 'give whole numbers')
            if int(index) in names:
                raise _unfit(table, 'index', f'{index} stands there twice', 'keep one of them')
            names[int(index)] = name or f'label {index}'
    names.pop(0, None)
    if not names:
        raise _unfit(table, 'index', 'no region', 'add a row for each')
    return names


def load_labels(image_file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Load a segmentation.

    Parameters
    ----------
    image_file
        NIfTI with whole numbers, of any type.

    Returns
    -------
        Labels, int32, shape ``(x, y, z)``; affine from voxels to mm.

    Raises
    ------
    InputError
        If it is not one volume of whole numbers.
    """
    image = open_image(image_file)
    stored = np.asarray(image.dataobj)
    if stored.ndim > 3 and stored.size == np.prod(stored.shape[:3]):
        stored = stored.reshape(stored.shape[:3])
    if stored.ndim != 3:
        raise _unfit(image_file, 'shape', str(stored.shape), 'give one 3D volume')
    with np.errstate(invalid='ignore'):  # NaN is caught by the comparison
        labels = stored.astype(np.int32)
    if not np.array_equal(labels, stored):
        raise _unfit(image_file, 'data', 'not whole numbers', 'give a segmentation of labels')
    return labels, np.asarray(image.affine)


def _is_wanted(path: Path, desc: str) -> bool:
    entities = parse_name(path)
    return entities.get('desc') == desc and entities.get('space') in NATIVE_SPACES


def _find_table(image: Path, root: Path, subject: str) -> Path:
    """Look beside the image, then folder by folder up to the dataset's root."""
    own = set(parse_name(image).items())
    folder = image.parent
    while True:
        fitting = [
            path
            for path in sorted(folder.glob('*_dseg.tsv')) + sorted(folder.glob('dseg.tsv'))
            if set(parse_name(path).items()) <= own
        ]
        if fitting:
            return max(fitting, key=lambda path: len(parse_name(path)))
        if folder in {root, folder.parent}:
            break
        folder = folder.parent
    desc = parse_name(image)['desc']
    found = f'no table with the names of its regions up to {root}'
    remedy = f'add desc-{desc}_dseg.tsv there, with the columns index and name'
    raise InputError(Problem(str(image), 'table', found, remedy, subject))


def _unfit(path: Path, field: str, found: str, remedy: str) -> InputError:
    return InputError(Problem(str(path), field, found, remedy))
