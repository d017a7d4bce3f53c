import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.reports.group_maps import Moments, write_group_maps

AFFINE = np.array([[0, 2.0, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])


@pytest.fixture
def maps(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f'sub-{n}_desc-tkd_Chimap.nii.gz' for n in range(7)]
    stack = rng.normal(0.02, 0.1, (7, 4, 5, 6)).astype(np.float32)
    for path, volume in zip(paths, stack, strict=True):
        nib.Nifti1Image(volume, AFFINE).to_filename(path)
    return paths, stack


def test_streaming_moments_are_those_of_all_in_memory():
    stack = np.random.default_rng(0).normal(1e4, 1e-2, (50, 3, 4))
    moments = Moments((3, 4))
    for values in stack:
        moments.add(values)
    assert moments.n == 50
    np.testing.assert_allclose(moments.mean, stack.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.sd, stack.std(axis=0, ddof=1), rtol=1e-6)


def test_maps_on_one_grid_are_averaged_there(maps, tmp_path):
    paths, stack = maps
    found = write_group_maps(tmp_path, 'tkd', paths)
    assert [path.name for path in found.files] == [
        'group_desc-tkd_mean.nii.gz',
        'group_desc-tkd_sd.nii.gz',
    ]
    for path, expected in zip(found.files, (stack.mean(0), stack.std(0, ddof=1)), strict=True):
        image = nib.load(path)
        np.testing.assert_array_equal(image.affine, AFFINE)
        np.testing.assert_allclose(image.get_fdata(), expected, rtol=1e-4, atol=1e-7)


def test_one_map_elsewhere_stops_it_and_is_named(maps, tmp_path):
    paths, stack = maps
    moved = AFFINE.copy()
    moved[0, 3] += 0.5
    nib.Nifti1Image(stack[0], moved).to_filename(paths[4])
    found = write_group_maps(tmp_path, 'tkd', paths)
    assert not found.files
    assert paths[4].name in found.note
    assert not list(tmp_path.glob('group_*'))


def test_one_map_has_no_spread(maps, tmp_path):
    assert not write_group_maps(tmp_path, 'tkd', maps[0][:1]).files
