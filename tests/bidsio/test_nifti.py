"""The grid of the output is that of the input, to the letter."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.nifti import open_image, write_image

SHAPE = (4, 5, 6)


@pytest.fixture(params=['both', 'qform', 'sform', 'neither'])
def model(request, tmp_path, rng):
    """Give an oblique image with this orientation in its header."""
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = rotation * [0.8, 0.9, 2.0]
    affine[:3, 3] = [-10, 20, 30]
    image = nib.Nifti1Image(rng.normal(size=SHAPE).astype(np.float32), affine)
    image.set_qform(affine, 1 if request.param in ('both', 'qform') else 0)
    image.set_sform(affine, 2 if request.param in ('both', 'sform') else 0)
    image.header.set_xyzt_units('mm', 'sec')
    image.header['descrip'] = b'Mr. X'
    image.header.extensions.append(nib.nifti1.Nifti1Extension('comment', b'Mr. X'))
    path = tmp_path / 'model.nii.gz'
    image.to_filename(path)
    return path


def test_keeps_affine_codes_and_units_and_drops_what_may_name_someone(model, tmp_path, rng):
    array = rng.normal(size=SHAPE).astype(np.float32)
    write_image(tmp_path / 'out.nii.gz', array, like=model)
    source, written = nib.load(model), nib.load(tmp_path / 'out.nii.gz')
    for field in (
        'qform_code', 'sform_code', 'quatern_b', 'quatern_c', 'quatern_d', 'qoffset_x',
        'qoffset_y', 'qoffset_z', 'srow_x', 'srow_y', 'srow_z', 'pixdim', 'xyzt_units',
    ):  # fmt: skip
        assert np.array_equal(written.header[field], source.header[field]), field
    assert np.array_equal(written.affine, source.affine)
    assert np.array_equal(np.asarray(written.dataobj), array)
    assert b'Mr. X' not in gzip.decompress((tmp_path / 'out.nii.gz').read_bytes())


@pytest.mark.parametrize(
    ('given', 'stored'),
    [(np.bool_, np.uint8), (np.float64, np.float32), (np.int16, np.int16), (np.uint8, np.uint8)],
)
def test_types_on_disk(model, tmp_path, given, stored):
    array = (np.arange(120).reshape(SHAPE) % 2).astype(given)
    write_image(tmp_path / 'out.nii', array, like=model)
    written = open_image(tmp_path / 'out.nii')
    assert written.get_data_dtype() == stored
    assert np.array_equal(np.asarray(written.dataobj), array)


def test_same_array_same_bytes(model, tmp_path, rng):
    array = rng.normal(size=SHAPE).astype(np.float32)
    for name in ('a.nii.gz', 'b.nii.gz'):
        write_image(tmp_path / name, array, like=model)
    data = (tmp_path / 'a.nii.gz').read_bytes()
    assert data == (tmp_path / 'b.nii.gz').read_bytes()
    assert data[4:8] == bytes(4)  # gzip's time stamp


def test_model_with_a_fourth_axis_of_length_one(tmp_path):
    nib.Nifti1Image(np.zeros((*SHAPE, 1), np.int16), np.eye(4)).to_filename(tmp_path / 'm.nii')
    write_image(tmp_path / 'out.nii', np.ones(SHAPE, np.float32), like=tmp_path / 'm.nii')
    assert nib.load(tmp_path / 'out.nii').shape == SHAPE


def test_nifti2_stays_nifti2(tmp_path):
    nib.Nifti2Image(np.zeros(SHAPE, np.int16), np.eye(4)).to_filename(tmp_path / 'm.nii')
    write_image(tmp_path / 'out.nii', np.ones(SHAPE, np.float32), like=tmp_path / 'm.nii')
    assert isinstance(nib.load(tmp_path / 'out.nii'), nib.Nifti2Image)


def test_other_shape_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r'shape \(4, 5, 7\) must be that of'):
        write_image(tmp_path / 'out.nii', np.zeros((4, 5, 7)), like=model)
    assert not (tmp_path / 'out.nii').exists()


def test_only_nifti_is_opened(tmp_path):
    nib.MGHImage(np.zeros(SHAPE, np.float32), np.eye(4)).to_filename(tmp_path / 'x.mgz')
    with pytest.raises(TypeError, match='must be a NIfTI image, got MGHImage'):
        open_image(tmp_path / 'x.mgz')
