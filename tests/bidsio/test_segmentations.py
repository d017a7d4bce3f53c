import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.segmentations import find_segmentation, load_labels, read_names
from qsmnet_bids.errors import InputError

ENTITIES = {'sub': '01', 'ses': 'a', 'run': '1'}
TABLE = (
    'index\tname\tcolor\n0\tUnknown\t#000\n11\tLeft-Caudate\t#7abadc\n51\tRight-Putamen\t#ec0\n'
)


@pytest.fixture
def freesurfer(tmp_path):
    """A dataset as fMRIPrep leaves it: the segmentation without session, the table at the root."""
    folder = tmp_path / 'sub-01' / 'anat'
    folder.mkdir(parents=True)
    for name in ('sub-01_desc-aseg_dseg', 'sub-01_desc-aparcaseg_dseg', 'sub-01_dseg'):
        (folder / f'{name}.nii.gz').touch()
    (folder / 'sub-01_space-MNI152NLin2009cAsym_desc-aseg_dseg.nii.gz').touch()
    (tmp_path / 'desc-aseg_dseg.tsv').write_text(TABLE)
    return tmp_path


def find(root, **changes):
    options = {'derivatives': {'fs': root}, 'desc': 'aseg'} | changes
    return find_segmentation(ENTITIES, **options)


def test_segmentation_of_the_subject_serves_its_sessions(freesurfer):
    found = find(freesurfer)
    assert found.image == freesurfer / 'sub-01/anat/sub-01_desc-aseg_dseg.nii.gz'
    assert found.table == freesurfer / 'desc-aseg_dseg.tsv'
    assert found.name == 'aseg'


def test_the_sessions_own_segmentation_and_the_nearest_table_win(freesurfer):
    folder = freesurfer / 'sub-01' / 'ses-a' / 'anat'
    folder.mkdir(parents=True)
    image = folder / 'sub-01_ses-a_desc-aseg_dseg.nii.gz'
    image.touch()
    (folder / 'sub-01_ses-b_desc-aseg_dseg.tsv').write_text(TABLE)
    assert find(freesurfer).image == image
    assert find(freesurfer).table == freesurfer / 'desc-aseg_dseg.tsv'
    own = folder / 'sub-01_ses-a_desc-aseg_dseg.tsv'
    own.write_text(TABLE)
    assert find(freesurfer).table == own


def test_missing_table_is_an_error_that_says_what_to_add(freesurfer):
    (freesurfer / 'desc-aseg_dseg.tsv').unlink()
    with pytest.raises(InputError, match=r'no table with the names.*add desc-aseg_dseg.tsv'):
        find(freesurfer)


def test_missing_segmentation_names_what_was_looked_for(freesurfer):
    with pytest.raises(InputError, match='no segmentation sub-01_ses-a_run-1_desc-nuclei_dseg'):
        find(freesurfer, desc='nuclei')


def test_two_that_fit_are_an_error(freesurfer, tmp_path_factory):
    other = tmp_path_factory.mktemp('other')
    (other / 'sub-01' / 'anat').mkdir(parents=True)
    (other / 'sub-01' / 'anat' / 'sub-01_desc-aseg_dseg.nii.gz').touch()
    with pytest.raises(InputError, match='2 segmentations fit'):
        find(freesurfer, derivatives={'fs': freesurfer, 'other': other})


def test_names_are_read_without_the_background(freesurfer):
    names = read_names(freesurfer / 'desc-aseg_dseg.tsv')
    assert names == {11: 'Left-Caudate', 51: 'Right-Putamen'}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('label\tname\n1\ta\n', 'columns: label, name; add index'),
        ('index\tname\nx\ta\n', "index: 'x'; give whole numbers"),
        ('index\tname\n1\ta\n1\tb\n', '1 stands there twice'),
        ('index\tname\n0\tbackground\n', 'no region'),
        ('', 'columns: none; add index and name'),
    ],
)
def test_unfit_tables_are_told_apart(tmp_path, text, message):
    (tmp_path / 'dseg.tsv').write_text(text)
    with pytest.raises(InputError, match=message):
        read_names(tmp_path / 'dseg.tsv')


def test_labels_stored_as_floating_point_are_whole_numbers(tmp_path):
    stored = np.array([0, 11, 51, 2035], dtype=np.float32).reshape(2, 2, 1)
    nib.Nifti1Image(stored, np.diag([1, 1, 2, 1])).to_filename(tmp_path / 'a.nii.gz')
    labels, affine = load_labels(tmp_path / 'a.nii.gz')
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, stored)
    np.testing.assert_array_equal(affine, np.diag([1, 1, 2, 1]))


@pytest.mark.parametrize(
    ('array', 'message'),
    [(np.full((2, 2, 2), 0.5), 'not whole numbers'), (np.zeros((2, 2, 2, 3)), 'one 3D volume')],
)
def test_what_is_no_segmentation_is_refused(tmp_path, array, message):
    nib.Nifti1Image(array.astype(np.float32), np.eye(4)).to_filename(tmp_path / 'a.nii.gz')
    with pytest.raises(InputError, match=message):
        load_labels(tmp_path / 'a.nii.gz')
