"""The facts of one image."""

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.scan import scan

SHAPE = (3, 4, 5)


def write(path, array, slope=1.0, intercept=0.0, affine=None):
    data = bytearray(nib.Nifti1Image(array, affine).to_bytes())
    data[112:120] = np.array([slope, intercept], np.float32).tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ('slope', 'intercept', 'low', 'high', 'is_integer'),
    [
        (1.0, 0.0, 0, 59, True),
        (2.0, -4096.0, -4096, -3978, True),
        (-1.0, 10.0, -49, 10, True),
        (0.5, 0.0, 0, 29.5, False),
        (1.0, 0.25, 0.25, 59.25, False),
    ],
)
def test_range_after_the_files_scaling(tmp_path, slope, intercept, low, high, is_integer):
    array = np.arange(60, dtype=np.int16).reshape(SHAPE)
    facts = scan(write(tmp_path / 'x.nii', array, slope, intercept, np.eye(4)))
    assert (facts.shape, facts.n_non_finite, facts.is_oriented) == (SHAPE, 0, True)
    assert (facts.low, facts.high, facts.is_integer) == (low, high, is_integer)


def test_whole_numbers_in_floating_point(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    assert scan(write(tmp_path / 'x.nii', array)).is_integer
    array[-1, -1, -1] += 0.5
    facts = scan(write(tmp_path / 'x.nii', array))
    assert (facts.is_integer, facts.is_oriented) == (False, False)


def test_range_leaves_out_what_is_not_finite(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(SHAPE)
    array[0, 0, :2] = np.nan, -np.inf
    facts = scan(write(tmp_path / 'x.nii', array))
    assert (facts.low, facts.high, facts.n_non_finite) == (2, 59, 2)


def test_nothing_finite_at_all(tmp_path):
    facts = scan(write(tmp_path / 'x.nii', np.full(SHAPE, np.nan, np.float32)))
    assert (facts.low, facts.high, facts.n_non_finite) == (0, 0, 60)
