"""Split a file into parts that pass where large files do not, and join them again."""

import hashlib
import json
from pathlib import Path

from qsmnet_bids.errors import WeightsError
from training.files import replace_bytes, replace_text

MANIFEST = 'manifest.json'
PART_BYTES = 14 * 2**20


def pack(path: Path, folder: Path, *, part_bytes: int = PART_BYTES) -> Path:
    """Write a file's parts and a manifest with their checksums.

    Parameters
    ----------
    path
        File to split.
    folder
        Made where it is missing; parts of an earlier file in it are removed.
    part_bytes
        Greatest size of a part.

    Returns
    -------
        Path of the manifest.
    """
    if part_bytes < 1:
        raise ValueError(f'part_bytes must be at least 1, got {part_bytes}')
    data = path.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob('*.part-*'):
        old.unlink()
    parts = []
    for number, start in enumerate(range(0, len(data), part_bytes)):
        part = data[start : start + part_bytes]
        name = f'{path.name}.part-{number:03d}'
        replace_bytes(folder / name, part)
        parts.append({'name': name, 'sha256': hashlib.sha256(part).hexdigest()})
    manifest = {'file': path.name, 'sha256': hashlib.sha256(data).hexdigest(), 'parts': parts}
    replace_text(folder / MANIFEST, json.dumps(manifest, indent=2) + '\n')
    return folder / MANIFEST


def unpack(folder: Path, destination: Path) -> Path:
    """Join the parts, if all are there and as they were.

    Parameters
    ----------
    folder
        Holds the parts and their manifest.
    destination
        Folder of the joined file.

    Returns
    -------
        Path of the joined file.

    Raises
    ------
    WeightsError
        If a part is missing or is not the one that was packed; nothing is written then.
    """
    if not (folder / MANIFEST).exists():
        raise WeightsError(f'{folder / MANIFEST}: no such file; name the folder that was packed')
    manifest = json.loads((folder / MANIFEST).read_text())
    data = b''.join(_checked(folder / part['name'], part['sha256']) for part in manifest['parts'])
    if hashlib.sha256(data).hexdigest() != manifest['sha256']:
        raise WeightsError(f'{folder}: the parts do not join to the file that was packed')
    destination.mkdir(parents=True, exist_ok=True)
    path = destination / Path(manifest['file']).name
    replace_bytes(path, data)
    return path


def _checked(path: Path, sha256: str) -> bytes:
    if not path.exists():
        raise WeightsError(f'{path}: missing, though {MANIFEST} names it; fetch it again')
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(f'{path}: sha256 is {found}, but {MANIFEST} says {sha256}')
    return data
