import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.region_tables import read_regions
from qsmnet_bids.bidsio.segmentations import atlas_of, check_atlas
from qsmnet_bids.cli.phantom import main as simulate
from qsmnet_bids.cli.run import main
from qsmnet_bids.errors import InputError, SettingsError

# a box around the left thalamus and globus pallidus, and one in the right frontal lobe, MNI mm
BOXES = {1: ((-26, -20, -6), (-4, 6, 12)), 7: ((20, 20, 10), (40, 45, 30))}


@pytest.fixture(scope='module')
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp('atlas')
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    labels = np.zeros((91, 109, 91), dtype=np.uint8)
    for label, corners in BOXES.items():
        low, high = (np.round((np.array(c) - affine[:3, 3]) / 2).astype(int) for c in corners)
        labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = label
    nib.save(nib.Nifti1Image(labels, affine), folder / 'my_atlas.nii.gz')
    (folder / 'my.tsv').write_text('index\tname\n1\tnuclei\n7\tfrontal\n')
    return atlas_of(folder / 'my_atlas.nii.gz', folder / 'my.tsv')


def test_an_atlas_is_named_by_its_file(atlas):
    assert atlas.name == 'myatlas'


def test_an_atlas_that_cannot_be_measured_is_refused(atlas, tmp_path):
    check_atlas(atlas, other='aseg')
    with pytest.raises(SettingsError, match='rename the file'):
        check_atlas(atlas, other='myatlas')
    (tmp_path / 'other.tsv').write_text('index\tname\n99\tnowhere\n')
    with pytest.raises(InputError, match='no label of the image'):
        check_atlas(atlas_of(atlas.image, tmp_path / 'other.tsv'), other=None)
    (tmp_path / 'bad.nii.gz').write_bytes(b'not an image')
    with pytest.raises(InputError, match=r'bad\.nii\.gz'):
        check_atlas(atlas_of(tmp_path / 'bad.nii.gz', atlas.table), other=None)


@pytest.mark.slow
def test_regions_of_an_atlas_are_found_in_a_head_that_lies_elsewhere(atlas, tmp_path):
    bids = tmp_path / 'bids'
    assert simulate([str(bids), '--voxel-size', '3', '3', '3']) == 0
    truth = _truth_in_boxes(bids)
    _move_heads(bids)
    words = ['--masking', 'threshold', '--unwrapping', 'laplacian', '--inversion', 'tkd']
    words += ['--background', 'vsharp']
    words += ['--atlas', str(atlas.image), str(atlas.table), '--skip-bids-validation']
    folders = [str(bids), str(tmp_path / 'out')]
    assert main([*folders, 'participant', *words, '--work-dir', str(tmp_path / 'work')]) == 0
    anat = tmp_path / 'out' / 'sub-01' / 'anat'
    rows = {
        row['name']: row for row in read_regions(anat / 'sub-01_seg-myatlas_desc-tkd_stats.tsv')
    }
    found = float(rows['nuclei']['chi_mean']) - float(rows['frontal']['chi_mean'])
    assert found == pytest.approx(truth[1] - truth[7], abs=0.02)
    assert not any(row['note'] for row in rows.values())
    about = json.loads((anat / 'sub-01_seg-myatlas_desc-tkd_stats.json').read_text())
    assert about['Placement']['ShareOfBrainInTemplate'] > 0.9
    moved = np.array(about['Placement']['RunToTemplate']) @ MOTION
    assert np.abs(moved[:3] @ [20, 10, 10, 1] - [20, 10, 10]).max() < 4


MOTION = np.array([[1, 0, 0, 12.0], [0, 1, 0, -9.0], [0, 0, 1, 15.0], [0, 0, 0, 1]])


def _truth_in_boxes(bids):
    (path,) = (bids / 'derivatives' / 'truth').rglob('*_Chimap.nii.gz')
    image = nib.load(path)
    chi = image.get_fdata()
    means = {}
    for label, corners in BOXES.items():
        low, high = (
            np.round(np.linalg.solve(image.affine, [*corner, 1])[:3]).astype(int)
            for corner in corners
        )
        means[label] = chi[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].mean()
    return means


def _move_heads(bids):
    """Move the scanner's coordinates, so that the head is not where the template is."""
    for path in (bids / 'sub-01').rglob('*.nii.gz'):
        image = nib.load(path)
        header = image.header.copy()
        moved = nib.Nifti1Image(np.asanyarray(image.dataobj), MOTION @ image.affine, header)
        nib.save(moved, path)
    shutil.rmtree(bids / 'derivatives')
