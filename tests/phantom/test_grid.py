import math

import numpy as np
import pytest
import torch

from qsmnet_bids.phantom.grid import box_of, make_grid, random_pose, template_positions
from qsmnet_bids.phantom.shapes import Ellipsoid


def pose():
    return random_pose(np.random.default_rng(1), np.random.default_rng(2))


def test_grid_of_1_mm_is_that_of_the_template():
    grid = make_grid((1.0, 1.0, 1.0), 0)
    assert grid.shape == (197, 233, 189)
    expected = np.array([[1, 0, 0, -98], [0, 1, 0, -134], [0, 0, 1, -72], [0, 0, 0, 1]])
    np.testing.assert_allclose(grid.affine, expected)


@pytest.mark.parametrize('degrees', [30.0, -20.0])
def test_tilt_turns_b0_against_the_head_and_leaves_the_voxels(degrees):
    grid = make_grid((0.8, 1.0, 2.0), degrees)
    angle = math.radians(degrees)
    assert grid.b0_dir == pytest.approx((0, math.sin(angle), math.cos(angle)))
    assert np.linalg.norm(grid.affine[:3, :3], axis=0) == pytest.approx((0.8, 1.0, 2.0))
    assert np.linalg.det(grid.affine[:3, :3]) == pytest.approx(1.6)


def test_axes_go_on_evenly_below_the_field_of_view():
    grid = make_grid((4.0, 4.0, 3.0), 0)
    z = grid.axes()[2]
    assert len(z) == grid.shape[2] + grid.n_below
    torch.testing.assert_close(z.diff(), torch.full((len(z) - 1,), 3.0))
    assert float(z[grid.n_below]) == pytest.approx(grid.affine[2, 3])


def test_heads_differ_by_some_mm_and_keep_their_sense():
    grid = make_grid((8.0, 8.0, 8.0), 0)
    positions = template_positions(grid, pose())
    x, y, z = grid.axes()
    plain = torch.stack(torch.meshgrid(x, y, z, indexing='ij'))
    difference = (positions - plain).norm(dim=0)
    assert 1 < float(difference.max()) < 25
    for axis in range(3):
        assert float(positions[axis].diff(dim=axis).min()) > 6


def test_box_holds_all_voxels_that_a_shape_touches():
    grid, subject = make_grid((4.0, 4.0, 4.0), 0), pose()
    positions = template_positions(grid, subject)
    shape = Ellipsoid((20, -30, 10), (15, 25, 10), turn=40)
    covered = shape.coverage(positions, edge=4)
    part = box_of(shape.bounds, grid, subject)
    inside = torch.zeros_like(covered)
    inside[part] = covered[part]
    torch.testing.assert_close(inside, covered, atol=0, rtol=0)
    assert covered[part].numel() < 0.2 * covered.numel()


def test_box_outside_the_grid_is_empty():
    grid, subject = make_grid((4.0, 4.0, 4.0), 0), pose()
    part = box_of(((400.0, 0.0, 0.0), (420.0, 9.0, 9.0)), grid, subject)
    assert torch.zeros(grid.shape)[part].numel() == 0


@pytest.mark.parametrize(
    ('voxel_size', 'oblique', 'message'),
    [((0.1, 1.0, 1.0), 0, 'voxel_size'), ((1.0, 1.0, 30.0), 0, 'voxel_size'),
     ((1.0, 1.0, 1.0), 120, 'oblique')],
)  # fmt: skip
def test_absurd_grid_is_refused(voxel_size, oblique, message):
    with pytest.raises(ValueError, match=message):
        make_grid(voxel_size, oblique)
