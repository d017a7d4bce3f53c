"""Which mask belongs to a run."""

import pytest
from bids.layout import Query

from qsmnet_bids.bidsio.masks import find_mask
from qsmnet_bids.errors import InputError

RUN = {'sub': '01', 'ses': 'a', 'acq': 'x', 'run': '01'}


def add(root, *names):
    paths = [root / 'sub-01' / 'ses-a' / 'anat' / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_the_mask_that_says_most_wins(tmp_path):
    _, session, run, *_ = add(
        tmp_path,
        'sub-01_desc-brain_mask.nii.gz',
        'sub-01_ses-a_desc-brain_mask.nii.gz',
        'sub-01_ses-a_acq-x_run-1_desc-brain_mask.nii.gz',
        'sub-01_ses-a_acq-y_desc-brain_mask.nii.gz',
        'sub-01_ses-b_acq-x_run-1_desc-brain_mask.nii.gz',
        'sub-01_ses-a_acq-x_run-1_desc-head_mask.nii.gz',
        'sub-01_ses-a_acq-x_run-1_space-MNI_desc-brain_mask.nii.gz',
    )
    found = find_mask(RUN, derivatives={'m': tmp_path}, desc='brain')
    assert found == run
    run.unlink()
    assert find_mask(RUN, derivatives={'m': tmp_path}, desc='brain') == session


def test_masks_of_other_subjects_do_not_count(tmp_path):
    path = tmp_path / 'sub-011' / 'anat' / 'sub-011_desc-brain_mask.nii.gz'
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(InputError, match='no mask sub-01_ses-a_acq-x_run-01_desc-brain_mask'):
        find_mask(RUN, derivatives={'m': tmp_path}, desc='brain')


def test_conditions_choose(tmp_path):
    names = [
        f'sub-01_ses-a_{middle}desc-brain_mask.nii.gz' for middle in ('', 'space-T1w_', 'res-2_')
    ]
    plain, space, resolution = add(tmp_path, *names)
    options = {'derivatives': {'m': tmp_path}, 'desc': 'brain'}
    with pytest.raises(InputError, match='2 masks fit'):
        find_mask(RUN, **options)
    assert find_mask(RUN, conditions={'res': Query.NONE}, **options) == plain
    assert find_mask(RUN, conditions={'res': '2'}, **options) == resolution
    assert find_mask(RUN, conditions={'space': ['T1w', 'x']}, **options) == space
    assert find_mask(RUN, conditions={'space': Query.ANY}, **options) == space


def test_two_datasets_with_the_same_mask(tmp_path):
    for name in ('m', 'n'):
        add(tmp_path / name, 'sub-01_ses-a_desc-brain_mask.nii.gz')
    roots = {name: tmp_path / name for name in ('m', 'n')}
    with pytest.raises(InputError, match=r'2 masks fit .*; choose one by "mask"'):
        find_mask(RUN, derivatives=roots, desc='brain')


def test_no_derivatives():
    with pytest.raises(InputError, match='no derivatives: mask: no mask'):
        find_mask(RUN, derivatives={}, desc='brain')
