import numpy as np
import pytest

from qsmnet_bids.regional.resampling import resample_labels, sample_mask


def oblique(sizes, angle, shift=(0.0, 0.0, 0.0)):
    """Voxels of some size, turned about two axes."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, c, -s], [0, s, c]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(sizes)
    affine[:3, 3] = shift
    return affine


def in_millimetres(shape, affine):
    voxels = np.indices(shape).reshape(3, -1)
    return (affine[:3, :3] @ voxels + affine[:3, 3:]).reshape(3, *shape)


def octants(positions, centre):
    """A label for each octant about a centre: known at any place in mm."""
    signs = positions > np.reshape(centre, (3, 1, 1, 1))
    return (1 + signs[0] + 2 * signs[1] + 4 * signs[2]).astype(np.int32)


def test_same_grid_keeps_every_label():
    labels = np.random.default_rng(0).integers(0, 5, (5, 6, 7))
    affine = oblique((1.0, 1.2, 2.0), 0.3, (4, 5, 6))
    sampled = resample_labels(labels, affine=affine, to_affine=affine, to_shape=(5, 6, 7))
    assert sampled.dtype == labels.dtype
    np.testing.assert_array_equal(sampled, labels)


@pytest.mark.parametrize('sizes', [(1.0, 1.0, 1.0), (2.0, 2.0, 3.0), (0.6, 0.6, 2.0)])
def test_regions_lie_at_the_same_millimetres_on_an_oblique_grid(sizes):
    source, target = oblique((1, 1, 1), 0.0, (-30, -30, -30)), oblique(sizes, 0.4, (-5, -9, -8))
    target[:3, 0] *= -1  # a mirrored axis too
    centre = (1.3, -2.1, 0.7)
    labels = octants(in_millimetres((60, 60, 60), source), centre)
    shape = (12, 12, 8)
    sampled = resample_labels(labels, affine=source, to_affine=target, to_shape=shape)
    places = in_millimetres(shape, target)
    # away from the faces by more than the two voxels' half diagonals
    margin = (np.linalg.norm(sizes) + np.sqrt(3)) / 2
    sure = (np.abs(places - np.reshape(centre, (3, 1, 1, 1))) > margin).all(axis=0)
    assert sure.mean() > 0.2
    np.testing.assert_array_equal(sampled[sure], octants(places, centre)[sure])


def test_large_voxel_takes_the_most_frequent_label():
    labels = np.array([3, 3, 3, 7, 7, 7, 7, 3], dtype=np.int16).reshape(2, 2, 2)
    coarse = np.diag([2.0, 2.0, 2.0, 1.0])
    coarse[:3, 3] = 0.5
    options = {'affine': np.eye(4), 'to_affine': coarse, 'to_shape': (1, 1, 1)}
    # equal counts: the label at the centre, whose nearest voxel is the last
    assert resample_labels(labels, **options).item() == labels[1, 1, 1]
    labels[0, 0, 0] = 7
    assert resample_labels(labels, **options).item() == 7


def test_beyond_the_segmentation_there_is_no_region():
    labels = np.ones((4, 4, 4), dtype=np.uint8)
    affine = np.eye(4)
    affine[:3, 3] = 2
    sampled = resample_labels(labels, affine=np.eye(4), to_affine=affine, to_shape=(4, 4, 4))
    assert sampled.sum() == 8
    assert sampled[:2, :2, :2].all()


def test_mask_is_read_at_the_same_millimetres():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[:3] = True
    voxels = np.array([[0, 1, 2, 9], [0, 0, 0, 0], [0, 0, 0, 0]])
    found = sample_mask(
        mask, affine=np.eye(4), voxels=voxels, voxels_affine=np.diag([2.0, 1, 1, 1])
    )
    assert found.tolist() == [True, True, False, False]


@pytest.mark.parametrize('labels', [np.zeros((2, 2)), np.zeros((2, 2, 2))])
def test_only_whole_numbers_in_3d(labels):
    with pytest.raises(ValueError, match='labels must be 3D whole numbers'):
        resample_labels(labels, affine=np.eye(4), to_affine=np.eye(4), to_shape=(2, 2, 2))
