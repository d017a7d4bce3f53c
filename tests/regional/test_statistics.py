import numpy as np
import pytest
from scipy import ndimage

from qsmnet_bids.regional.statistics import measure_regions

NAMES = {1: 'left putamen', 2: 'right putamen', 5: 'caudate', 9: 'nowhere'}
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    labels = np.zeros((10, 10, 10), dtype=np.int32)
    labels[1:4, 1:5, 1:5], labels[6:9, 1:5, 1:5], labels[:, 7, :] = 1, 2, 5
    labels[0, 0, 0] = 77
    maps = {'chi': rng.normal(size=labels.shape), 'r2star': rng.normal(30, 5, labels.shape)}
    mask = np.ones(labels.shape, dtype=bool)
    mask[7:9] = False
    return labels, maps, mask


def measure(scene, **changes):
    labels, maps, mask = scene
    options = {'labels_affine': AFFINE, 'maps': maps, 'mask': mask, 'affine': AFFINE} | changes
    return measure_regions(labels, NAMES, **options)


def test_statistics_are_those_of_scipy(scene):
    labels, maps, mask = scene
    found = measure(scene)
    assert [region.index for region in found.regions] == [1, 2, 5]
    inside = np.where(mask, labels, 0)
    for region in found.regions:
        for name, summary in region.maps.items():
            args = (maps[name], inside, region.index)
            assert summary.mean == pytest.approx(ndimage.mean(*args))
            assert summary.median == pytest.approx(ndimage.median(*args))
            assert summary.sd == pytest.approx(ndimage.standard_deviation(*args))
        assert region.n_voxels == (inside == region.index).sum()
        assert region.volume_mm3 == pytest.approx(2 * (labels == region.index).sum())


def test_share_and_note_say_how_much_was_measured(scene):
    left, right, caudate = measure(scene).regions
    assert (left.share_in_mask, left.note) == (1, '')
    assert right.share_in_mask == pytest.approx(1 / 3)
    assert right.note == 'only 33 % of it inside the mask'
    assert caudate.share_in_mask == pytest.approx(0.8)


def test_table_and_image_that_do_not_fit_are_told(scene):
    found = measure(scene)
    assert found.absent == ('nowhere',)
    assert found.unnamed == (77,)


def test_region_outside_the_mask_has_no_number_but_a_note(scene):
    _, maps, mask = scene
    mask = mask.copy()
    mask[:, 1:5] = False
    left = measure(scene, mask=mask).regions[0]
    assert (left.n_voxels, left.share_in_mask, left.note) == (0, 0, 'outside the mask')
    assert np.isnan([left.maps['chi'].mean, left.maps['chi'].median, left.maps['chi'].sd]).all()
    assert set(left.maps) == set(maps)


def test_field_of_view_that_ends_counts_as_outside(scene):
    labels, maps, _ = scene
    slab = {name: volume[:, :, :3] for name, volume in maps.items()}
    mask = np.ones((10, 10, 3), dtype=bool)
    left = measure((labels, slab, mask)).regions[0]
    assert left.share_in_mask == pytest.approx(0.5)


def test_nan_in_a_map_is_left_out(scene):
    _, maps, _ = scene
    maps['chi'][1, 1, 1] = np.nan
    assert np.isfinite(measure(scene).regions[0].maps['chi'].mean)


def test_maps_must_lie_on_the_grid_of_the_mask(scene):
    with pytest.raises(ValueError, match='maps must have the shape of the mask'):
        measure(scene, maps={'chi': np.zeros((3, 3, 3))})


def test_table_of_another_segmentation_is_refused(scene):
    labels, maps, mask = scene
    grids = {'labels_affine': AFFINE, 'mask': mask, 'affine': AFFINE}
    with pytest.raises(
        ValueError, match='names must have labels of the segmentation, 1, 2, 5, 77'
    ):
        measure_regions(labels, {1001: 'cortex'}, maps=maps, **grids)
