"""NIfTI images in and out, with the grid of the input kept to the letter."""

from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip

from qsmnet_bids.bidsio.atomic import write_bytes

GZIP_LEVEL = 2
"""Of ISA-L, from 0 to 3: the size that zlib reaches at 4, in a tenth of the time."""


def open_image(path: Path) -> nib.Nifti1Image:
    """Open a NIfTI-1 or NIfTI-2 image; its data are not read yet.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    """
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Image):
        raise TypeError(f'{path} must be a NIfTI image, got {type(image).__name__}')
    return image


def read_image(path: Path) -> tuple[nib.Nifti1Image, int]:
    """Open an image and unpack all of it, to the checksum, where nibabel stops before.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.

    Returns
    -------
        The image, and how many bytes it has when unpacked.
    """
    image = open_image(path)
    if not path.name.endswith('.gz'):
        return image, path.stat().st_size
    data = igzip.decompress(path.read_bytes())
    return type(image).from_bytes(data), len(data)


def write_image(path: Path, array: np.ndarray, *, like: Path) -> None:
    """Write a volume with another image's affine, sform, qform and units.

    The same array gives the same bytes on the same kind of processor, and everywhere the same
    image.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    array
        Boolean is stored as uint8, floating point as float32, whole numbers as they are.
    like
        NIfTI image on the same grid.
    """
    model = open_image(like)
    if array.shape != model.shape[:3]:
        raise ValueError(f'{path}: shape {array.shape} must be that of {like}, {model.shape[:3]}')
    stored = _storable(array)
    header = _clean_header(model.header, stored)
    data = type(model)(stored, model.affine, header).to_bytes()
    if path.name.endswith('.gz'):
        data = igzip.compress(data, GZIP_LEVEL, mtime=0)
    write_bytes(path, data)


def _storable(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32, copy=False)
    return array


def _clean_header(model: nib.Nifti1Header, array: np.ndarray) -> nib.Nifti1Header:
    header: nib.Nifti1Header = model.copy()
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
