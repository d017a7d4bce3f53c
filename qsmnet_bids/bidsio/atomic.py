"""Files that are either whole or not there: written under a temporary name, then renamed."""

import gzip
import json
import math
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

GZIP_LEVEL = 3
"""Twice as fast as 6, for some percent of the size."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears only when it is complete; its folders are made.

    Parameters
    ----------
    path
        Of the file; what it held before stays until the new content is on the disk.
    data
        Its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # BIDS tools skip names that begin with a dot
    temporary = path.with_name(f'.{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp')
    try:
        with temporary.open('xb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text.

    Parameters
    ----------
    path
        Of the file.
    text
        Its content.
    """
    write_bytes(path, text.encode())


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON object; numbers that are not finite become null, since JSON has no others.

    Parameters
    ----------
    path
        Of the file.
    content
        Of JSON's types, numpy's scalars and arrays, paths and tuples.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + '\n')


def write_image(path: Path, array: np.ndarray, *, like: Path) -> None:
    """Write a volume with another image's affine, sform, qform and units.

    The same array gives the same bytes.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    array
        Boolean is stored as uint8, floating point as float32, whole numbers as they are.
    like
        NIfTI image on the same grid.
    """
    model = nib.load(like)
    if array.shape != model.shape[:3]:
        raise ValueError(f'{path}: shape {array.shape} must be that of {like}, {model.shape[:3]}')
    stored = _storable(array)
    header = _clean_header(model.header, stored)
    data = type(model)(stored, model.affine, header).to_bytes()
    if path.name.endswith('.gz'):
        data = gzip.compress(data, GZIP_LEVEL, mtime=0)
    write_bytes(path, data)


def _storable(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32, copy=False)
    return array


def _clean_header(model: nib.Nifti1Header, array: np.ndarray) -> nib.Nifti1Header:
    header = model.copy()
    header.extensions.clear()  # may name the patient
    header.set_data_shape(array.shape)
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(1, 0)
    header.set_intent('none')
    for field in ('descrip', 'aux_file', 'db_name'):
        if field in header:
            header[field] = b''
    for field in ('cal_min', 'cal_max', 'toffset'):
        header[field] = 0
    return header


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
