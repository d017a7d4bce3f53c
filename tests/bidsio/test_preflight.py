"""One test per kind of problem: which file, which field, what was found, what to do."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.physics.orientation import b0_dir_from_affine
from tests.bidsio.preflighted import only_problem, preflight, read

AFFINE = np.diag([1.0, 1.0, 1.2, 1.0])


def test_a_sound_run_becomes_an_acquisition(dataset):
    run = dataset.add_run('sub-01_ses-a', FlipAngle=15)
    result = preflight(dataset)
    assert result.problems == ()
    (acquisition,) = result.acquisitions
    assert acquisition.name == run
    assert (acquisition.subject, acquisition.session) == ('01', 'a')
    assert acquisition.magnitude == tuple(dataset.image(run, echo, 'mag') for echo in (1, 2, 3))
    assert acquisition.phase == tuple(dataset.image(run, echo, 'phase') for echo in (1, 2, 3))
    assert acquisition.echo_times == (0.004, 0.012, 0.02)
    assert (acquisition.b0, acquisition.shape) == (3.0, (16, 17, 18))
    affine = nib.load(acquisition.magnitude[0]).affine
    assert acquisition.b0_dir == b0_dir_from_affine(affine)
    assert acquisition.voxel_size == pytest.approx(np.linalg.norm(affine[:3, :3], axis=0))
    assert (acquisition.phase_convention, acquisition.phase_slope) == ('radian', 1.0)
    assert (acquisition.phase_sign, acquisition.mask, acquisition.warnings) == (1, None, ())
    assert acquisition.metadata == {'Manufacturer': 'Siemens', 'FlipAngle': 15}


def test_lists_all_problems_of_all_subjects_and_keeps_the_sound_runs(dataset):
    for name in ('sub-01', 'sub-02', 'sub-03_run-1', 'sub-03_run-2', 'sub-04'):
        dataset.add_run(name)
    dataset.image('sub-02', 2, 'phase').unlink()
    dataset.edit_sidecars('sub-02', remove=('MagneticFieldStrength',))
    dataset.edit_sidecars('sub-03_run-2', ('phase',), (1,), remove=('EchoTime',))
    dataset.image('sub-04', 3, 'mag').write_bytes(b'not an image')
    result = preflight(dataset, participant_labels=('01', '05'))
    assert [each.name for each in result.acquisitions] == ['sub-01', 'sub-03_run-1']
    assert sorted((each.subject, each.field) for each in result.problems) == [
        ('02', 'MagneticFieldStrength'),
        ('02', 'echo'),
        ('03', 'EchoTime'),
        ('04', 'data'),
        ('05', 'images'),
    ]


def test_missing_image_of_an_echo(dataset):
    dataset.add_run('sub-01')
    dataset.image('sub-01', 2, 'phase').unlink()
    problem = only_problem(dataset)
    assert problem.field == 'echo'
    assert problem.found == 'echo 2 of 3 is missing (part-phase)'
    assert 'add the missing image' in problem.remedy
    assert problem.subject == '01'


def test_gap_in_the_numbers_of_the_echoes(dataset):
    dataset.add_run('sub-01')
    for part in ('mag', 'phase'):
        dataset.image('sub-01', 1, part).unlink()
    assert only_problem(dataset).found == 'echo 1 of 3 is missing (part-mag and part-phase)'


def test_echoes_left_out_by_the_filter_file_are_no_gap(dataset):
    dataset.add_run('sub-01')
    chosen = {'echo': [2, 3]}
    path = dataset.write_json('../filter.json', {'megre_mag': chosen, 'megre_phase': chosen})
    runs = find_runs(dataset.root, filter_file=path)
    (acquisition,) = check(runs, bids_dir=dataset.root, filter_file=path).acquisitions
    assert acquisition.echo_times == (0.012, 0.02)


@pytest.mark.parametrize(('part', 'name'), [('mag', 'magnitude'), ('phase', 'phase')])
def test_no_image_of_a_part(dataset, part, name):
    dataset.add_run('sub-01')
    for echo in (1, 2, 3):
        dataset.image('sub-01', echo, part).unlink()
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == (f'part-{part}', f'no {name} image')
    assert 'filter file' in problem.remedy


def test_second_image_for_an_echo(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'mag')
    path.with_name(path.name.replace('_part-mag', '')).write_bytes(path.read_bytes())
    problem = only_problem(dataset)
    assert problem.field == 'echo'
    assert 'second image' in problem.found


def test_runs_whose_results_would_share_a_name(dataset):
    dataset.add_run('sub-01')
    dataset.add_run('sub-01', suffix='T2starw')
    result = preflight(dataset)
    assert result.acquisitions == ()
    assert [problem.field for problem in result.problems] == ['suffix', 'suffix']


def test_label_that_is_not_valid(dataset):
    dataset.add_run('sub-01_acq-0.8mm')
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('acq', "'0.8mm'")
    assert 'letters and digits' in problem.remedy


def test_other_shape(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 2, 'phase')
    array, affine = read(path)
    dataset.write_image(path, array[:, :, :-1], affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'shape')
    assert problem.found.startswith('(16, 17, 17), but (16, 17, 18) in sub-01_echo-1')
    assert 'one grid' in problem.remedy


def test_other_affine(dataset):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 3, 'mag')
    array, affine = read(path)
    affine[0, 3] += 2.5
    dataset.write_image(path, array, affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field) == (str(path), 'affine')
    assert problem.found.startswith('differs by up to 2.5 mm')


def rewrite_all(dataset, change, affine=None):
    for path in dataset.root.glob('sub-*/anat/*.nii.gz'):
        array, old_affine = read(path)
        dataset.write_image(path, change(array), old_affine if affine is None else affine)


def test_thin_slab(dataset):
    dataset.add_run('sub-01')
    rewrite_all(dataset, lambda array: array[:, :, :8])
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('shape', '(16, 17, 8), a slab of 8 slices')
    assert 'at least 16' in problem.remedy


def test_slices_that_are_too_thick(dataset):
    dataset.add_run('sub-01')
    rewrite_all(dataset, lambda array: array, np.diag([0.5, 0.5, 2.1, 1]))
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('voxel size', '0.5 x 0.5 x 2.1 mm, 1:4.2')
    assert '1:4' in problem.remedy


def test_slices_of_four_times_the_edge_pass(dataset):
    dataset.add_run('sub-01')
    rewrite_all(dataset, lambda array: array, np.diag([0.5, 0.5, 2.0, 1]))
    assert len(preflight(dataset).acquisitions) == 1


@pytest.mark.parametrize(
    ('change', 'found'),
    [
        (lambda array: array[:, :, 3], '(16, 17), a slice'),
        (lambda array: np.stack([array, array], axis=3), '(16, 17, 18, 2), 4 axes'),
    ],
)
def test_two_and_four_axes(dataset, change, found):
    dataset.add_run('sub-01')
    path = dataset.image('sub-01', 1, 'mag')
    array, affine = read(path)
    dataset.write_image(path, change(array), affine)
    problem = only_problem(dataset)
    assert (problem.file, problem.field, problem.found) == (str(path), 'shape', found)
    assert '3D image' in problem.remedy


def test_fourth_axis_of_length_one_passes(dataset):
    dataset.add_run('sub-01')
    rewrite_all(dataset, lambda array: array[..., None])
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.shape == (16, 17, 18)


def test_b0_dir_of_the_sidecar_wins(dataset):
    dataset.add_run('sub-01', B0_dir=[0, 3, -4])
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.b0_dir == pytest.approx((0, 0.6, -0.8))


@pytest.mark.parametrize('value', [[0, 0, 0], [0, 1], 'z', [0, 0, 'z']])
def test_b0_dir_that_is_no_direction(dataset, value):
    dataset.add_run('sub-01', B0_dir=value)
    problem = only_problem(dataset)
    assert (problem.field, problem.found) == ('B0_dir', repr(value))


def test_images_without_orientation_are_taken_with_a_warning(dataset):
    dataset.add_run('sub-01')
    for path in dataset.root.glob('sub-01/anat/*.nii.gz'):
        path.write_bytes(gzip.compress(nib.Nifti1Image(read(path)[0], None).to_bytes()))
    (acquisition,) = preflight(dataset).acquisitions
    assert np.abs(acquisition.b0_dir) == pytest.approx((0, 0, 1))
    assert 'no orientation' in acquisition.warnings[0]


def test_sidecars_are_inherited(dataset):
    dataset.add_run('sub-01_ses-a')
    fields = ('MagneticFieldStrength', 'Manufacturer', 'EchoTime')
    dataset.edit_sidecars('sub-01_ses-a', remove=fields)
    dataset.write_json('MEGRE.json', {'MagneticFieldStrength': 7, 'Manufacturer': 'Philips'})
    dataset.write_json('T1w.json', {'MagneticFieldStrength': 1.5})
    for echo in (1, 2, 3):
        dataset.write_json(f'sub-01/sub-01_echo-{echo}_MEGRE.json', {'EchoTime': 0.005 * echo})
    dataset.write_json('sub-01/sub-01_ses-b_MEGRE.json', {'MagneticFieldStrength': 1.5})
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.b0 == 7
    assert acquisition.echo_times == pytest.approx((0.005, 0.01, 0.015))
    assert acquisition.metadata == {'Manufacturer': 'Philips'}


def test_nearer_sidecar_wins(dataset):
    dataset.add_run('sub-01')
    dataset.write_json('MEGRE.json', {'MagneticFieldStrength': 7, 'FlipAngle': 20})
    (acquisition,) = preflight(dataset).acquisitions
    assert (acquisition.b0, acquisition.metadata['FlipAngle']) == (3, 20)


def test_fields_that_differ_among_echoes_are_not_shared(dataset):
    dataset.add_run('sub-01', FlipAngle=15, RepetitionTime=0.03)
    dataset.edit_sidecars('sub-01', ('mag',), (2,), FlipAngle=20)
    (acquisition,) = preflight(dataset).acquisitions
    assert acquisition.metadata == {'Manufacturer': 'Siemens', 'RepetitionTime': 0.03}


def add_mask(dataset, name, array=None, affine=None):
    image = nib.load(dataset.image('sub-01', 1, 'mag'))
    array = np.pad(np.ones((8, 9, 10), np.uint8), 4) if array is None else array
    path = dataset.root.parent / 'masks' / 'sub-01' / 'anat' / name
    return dataset.write_image(path, array, image.affine if affine is None else affine)


def with_mask(dataset, **options):
    derivatives: dict[str, Path] = {'masks': dataset.root.parent / 'masks'}
    return preflight(dataset, derivatives=derivatives, mask='brain', **options)


def test_provided_mask(dataset):
    dataset.add_run('sub-01')
    path = add_mask(dataset, 'sub-01_desc-brain_mask.nii.gz')
    (acquisition,) = with_mask(dataset).acquisitions
    assert acquisition.mask == path


def test_provided_mask_is_missing(dataset):
    dataset.add_run('sub-01')
    (problem,) = with_mask(dataset).problems
    assert (problem.field, problem.found) == ('mask', 'no mask sub-01_desc-brain_mask.nii.gz')
    assert 'leave out --mask' in problem.remedy


@pytest.mark.parametrize(
    ('array', 'affine', 'field'),
    [
        (np.ones((16, 17, 17), np.uint8), None, 'shape'),
        (None, AFFINE, 'affine'),
        (np.zeros((16, 17, 18), np.uint8), None, 'data'),
        (np.full((16, 17, 18), 5, np.uint8), None, 'data'),
    ],
)
def test_provided_mask_does_not_fit(dataset, array, affine, field):
    dataset.add_run('sub-01')
    path = add_mask(dataset, 'sub-01_desc-brain_mask.nii.gz', array, affine)
    (problem,) = with_mask(dataset).problems
    assert (problem.file, problem.field, problem.subject) == (str(path), field, '01')


def test_reading_does_not_import_torch(dataset):
    dataset.add_run('sub-01')
    code = (
        'import json, sys; from pathlib import Path\n'
        'from qsmnet_bids.bidsio import derivatives, preflight, query, sidecars\n'
        f'root = Path({json.dumps(str(dataset.root))})\n'
        'result = preflight.check(query.find_runs(root), bids_dir=root)\n'
        'assert len(result.acquisitions) == 1\n'
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
