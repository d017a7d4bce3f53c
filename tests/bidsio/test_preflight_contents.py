"""Problems of what is in the files: one test for each."""

import gzip
import math

import nibabel as nib
import numpy as np
import pytest

from tests.bidsio.preflighted import only_problem, read


def test_complex_data(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'phase')
    array, affine = read(path)
    dataset.write_image(path, array.astype(np.complex64), affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field, problem.found) == (str(path), 'data type', 'complex64')
    assert 'two images' in problem.remedy


def test_affine_without_volume(dataset):
    dataset.add_run('sub-01')
    for path in dataset.root.glob('sub-01/anat/*.nii.gz'):
        array, _ = read(path)
        image = nib.Nifti1Image(array, None)
        image.header['sform_code'] = 1
        image.header['srow_x'] = image.header['srow_y'] = image.header['srow_z'] = [1, 0, 0, 0]
        path.write_bytes(gzip.compress(image.to_bytes()))
    problem = only_problem(dataset)
    assert problem.field == 'affine'
    assert problem.found.startswith('has no volume')


@pytest.mark.parametrize('part', ['mag', 'phase'])
def test_values_that_are_not_finite(dataset, part):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 2, part)
    array, affine = read(path)
    array[1, 2, 3:5] = math.nan, math.inf
    dataset.write_image(path, array, affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'data')
    assert problem.found == '2 of 4896 voxels are NaN or infinite'
    assert 'set these voxels to 0' in problem.remedy


@pytest.mark.parametrize('value', [0, 7])
@pytest.mark.parametrize('part', ['mag', 'phase'])
def test_constant_image(dataset, part, value):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, part)
    array, affine = read(path)
    dataset.write_image(path, np.full_like(array, value), affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'data')
    assert problem.found == f'all voxels are {value}'


def test_negative_magnitude(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'mag')
    array, affine = read(path)
    array[0, 0, 0] = -3
    dataset.write_image(path, array, affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'data')
    assert problem.found == 'magnitude down to -3'


def test_truncated_file(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 3, 'phase')
    path.write_bytes(path.read_bytes()[:-2000])
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'data')
    assert problem.found.startswith('damaged or cut off')
    assert 'anew' in problem.remedy


def test_truncated_uncompressed_file(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 3, 'phase')
    data = gzip.decompress(path.read_bytes())
    path.unlink()
    path.with_suffix('').write_bytes(data[:-2000])
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path.with_suffix('')), 'data')


@pytest.mark.parametrize('position', [0.0, 0.02, 0.5, 0.999])
def test_damaged_byte_in_the_compressed_stream(dataset, position):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'mag')
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 0xFF
    path.write_bytes(data)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'data')


def test_empty_file(dataset):
    dataset.add_run('sub-01')
    dataset.image('sub-01', 1, 'mag').write_bytes(b'')
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('file', 'is empty')


def test_annexed_link_without_content(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'mag')
    path.unlink()
    path.symlink_to('../../.git/annex/objects/aa/bb/MD5E-s1--0.nii.gz/MD5E-s1--0.nii.gz')
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'file')
    assert problem.found == 'a link whose target is not there'
    assert problem.remedy == f'datalad get {path}'


@pytest.mark.parametrize(
    ('content', 'command'),
    [
        ('/annex/objects/MD5E-s1--0.nii.gz\n', 'datalad get'),
        ('version https://git-lfs.github.com/spec/v1\n', 'git lfs pull'),
    ],
)
def test_pointer_without_content(dataset, content, command):
    dataset.add_run('sub-01')
    dataset.image('sub-01', 1, 'mag').write_text(content)
    problem = only_problem(dataset)
    assert problem.found == 'a pointer to content that is not there'
    assert problem.remedy.startswith(command)


def test_annexed_sidecar_without_content(dataset):
    dataset.add_run('sub-01')
    path = dataset.sidecar('sub-01', 1, 'mag')
    path.unlink()
    path.symlink_to('nowhere')
    assert only_problem(dataset).remedy == f'datalad get {path}'


@pytest.mark.parametrize(
    ('content', 'found'), [('{"EchoTime": 0.004,}', 'not valid JSON'), ('[1]', 'a JSON list')]
)
def test_sidecar_that_is_not_an_object(dataset, content, found):
    dataset.add_run('sub-01')
    path = dataset.sidecar('sub-01', 1, 'mag')
    path.write_text(content)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'content')
    assert problem.found.startswith(found)
