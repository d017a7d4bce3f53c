import pytest
import torch
from scipy import ndimage

from qsmnet_bids.masking.morphology import (
    close,
    dilate,
    erode,
    fill_holes,
    largest_component,
)


def by_distance(mask, radius, voxel_size):
    distance = ndimage.distance_transform_edt(~mask.numpy(), sampling=voxel_size)
    return torch.from_numpy(distance <= radius * (1 + 1e-6))


def blobs(generator, shape=(24, 20, 16)):
    noise = torch.rand(shape, generator=generator)
    return torch.from_numpy(ndimage.gaussian_filter(noise.numpy(), 1.5)) > 0.52


@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0)])
@pytest.mark.parametrize('radius', [0.5, 1.0, 2.4, 4.0])
def test_dilation_adds_all_within_the_distance(voxel_size, radius, generator):
    mask = blobs(generator)
    grown = dilate(mask, radius, voxel_size=voxel_size)
    assert torch.equal(grown, by_distance(mask, radius, voxel_size))


@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 2.0)])
@pytest.mark.parametrize('radius', [1.0, 2.4])
def test_erosion_takes_all_within_the_distance_but_not_from_the_border(
    voxel_size, radius, generator
):
    mask = blobs(generator)
    shrunk = erode(mask, radius, voxel_size=voxel_size)
    assert torch.equal(shrunk, ~by_distance(~mask, radius, voxel_size))
    everything = torch.ones(5, 6, 7, dtype=torch.bool)
    assert torch.equal(erode(everything, radius, voxel_size=voxel_size), everything)


def test_closing_fills_a_gap_and_no_more():
    mask = torch.zeros(20, 20, 20, dtype=torch.bool)
    mask[4:16, 4:16, 4:16] = True
    cut = mask.clone()
    cut[9:11] = False
    closed = close(cut, 2.0, voxel_size=(1.0, 1.0, 1.0))
    assert closed[4:16, 6:14, 6:14].all()
    assert not (closed & ~mask).any()
    assert torch.equal(close(cut, 0.5, voxel_size=(1.0, 1.0, 1.0)), cut)


def test_empty_masks_stay_empty():
    empty = torch.zeros(4, 4, 4, dtype=torch.bool)
    for change in (dilate, erode, close):
        assert not change(empty, 2.0, voxel_size=(1.0, 1.0, 1.0)).any()
    assert not largest_component(empty).any()
    with pytest.raises(ValueError, match='radius'):
        dilate(empty, -1.0, voxel_size=(1.0, 1.0, 1.0))


def test_the_largest_of_three_parts():
    mask = torch.zeros(10, 10, 10, dtype=torch.bool)
    mask[0, 0, 0] = mask[9, 9, 9] = True
    mask[3:6, 3:6, 3:6] = True
    kept = largest_component(mask)
    assert kept.sum() == 27
    assert kept[4, 4, 4]


def test_holes_are_filled_but_open_cavities_are_not():
    mask = torch.zeros(12, 12, 12, dtype=torch.bool)
    mask[:, 2:10, 2:10] = True
    with_hole, with_tunnel = mask.clone(), mask.clone()
    with_hole[5, 5, 5] = False
    with_tunnel[:, 5, 5] = False
    assert torch.equal(fill_holes(with_hole), mask)
    assert torch.equal(fill_holes(with_tunnel), with_tunnel)
    assert torch.equal(fill_holes(mask), torch.from_numpy(ndimage.binary_fill_holes(mask.numpy())))
