"""The facts of one image, from reading all of it once."""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from isal.igzip_lib import IsalError
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from qsmnet_bids.bidsio.content import check_content
from qsmnet_bids.bidsio.nifti import read_image
from qsmnet_bids.errors import InputError, Problem

UNREADABLE: tuple[type[Exception], ...] = (  # type: ignore[assignment] # see IsalError
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    WrapStructError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    zlib.error,
    IsalError,  # whose stub has an instance for a class
    ValueError,
    TypeError,
)


@dataclass(frozen=True, eq=False)
class Scan:
    """What an image holds.

    Parameters
    ----------
    path
        Of the image.
    shape
        Voxels in x, y, z.
    affine
        Voxel to scanner coordinates in mm, 4 x 4.
    is_oriented
        Whether the header has an affine, by qform or sform.
    low, high
        Least and greatest finite value, after slope and intercept.
    is_integer
        Whether all values are whole numbers, after slope and intercept.
    n_non_finite
        Voxels that are NaN or infinite.
    """

    path: Path
    shape: tuple[int, int, int]
    affine: np.ndarray
    is_oriented: bool
    low: float
    high: float
    is_integer: bool
    n_non_finite: int


def scan(path: Path) -> Scan:
    """Read an image to its last byte, and raise ``InputError`` if that fails.

    Parameters
    ----------
    path
        NIfTI image of three axes; further axes of length 1 are dropped.
    """
    check_content(path)
    try:
        image, n_bytes = read_image(path)
        shape = _spatial_shape(path, image)
        proxy = _proxy(image, n_bytes)
        raw = np.asanyarray(proxy.get_unscaled())
    except UNREADABLE as error:
        # gzip and nibabel name the same damage in a dozen ways
        found = f'damaged or cut off ({error})'
        raise InputError(Problem(str(path), 'data', found, 'copy or convert it anew')) from error
    slope, intercept = float(proxy.slope), float(proxy.inter)
    finite = raw if raw.dtype.kind in 'iu' else raw[np.isfinite(raw)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scaled = sorted((slope * low + intercept, slope * high + intercept))
    header = image.header
    return Scan(
        path=path,
        shape=shape,
        affine=image.affine,
        is_oriented=bool(header['qform_code'] > 0 or header['sform_code'] > 0),
        low=scaled[0],
        high=scaled[1],
        is_integer=slope.is_integer() and intercept.is_integer() and _is_whole(finite),
        n_non_finite=raw.size - finite.size,
    )


def _spatial_shape(path: Path, image: nib.Nifti1Image) -> tuple[int, int, int]:
    shape = image.shape
    if image.get_data_dtype().kind not in 'iuf':
        raise InputError(
            Problem(
                str(path),
                'data type',
                str(image.get_data_dtype()),
                'save magnitude and phase as two images of real numbers',
            )
        )
    if len(shape) == 2:
        raise InputError(Problem(str(path), 'shape', f'{shape}, a slice', 'give a 3D image'))
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        found = f'{shape}, {len(shape)} axes'
        raise InputError(Problem(str(path), 'shape', found, 'save each echo as one 3D image'))
    return shape[0], shape[1], shape[2]


def _proxy(image: nib.Nifti1Image, n_bytes: int) -> ArrayProxy:
    if not isinstance(image.dataobj, ArrayProxy):
        raise TypeError(f'no data in a file: {type(image.dataobj).__name__}')
    proxy = image.dataobj
    needed = proxy.offset + math.prod(map(int, proxy.shape)) * proxy.dtype.itemsize
    if n_bytes < needed:  # before memory is taken for what a damaged header promises
        raise ValueError(f'{n_bytes} bytes, but the header tells of {needed}')
    return proxy


def _is_whole(values: np.ndarray) -> bool:
    if values.dtype.kind in 'iu':
        return True
    few = values[: 1 << 16]
    return bool(np.array_equal(few, np.rint(few)) and np.array_equal(values, np.rint(values)))
