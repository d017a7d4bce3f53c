import math

import pytest
import torch

from qsmnet_bids.phantom.shapes import Ellipsoid, Tube, mirrored, shell, soft_step
from qsmnet_bids.physics.dipole import forward_field


def positions(n: int, size: float) -> torch.Tensor:
    axis = (torch.arange(n) - (n - 1) / 2) * size
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing='ij'))


def test_soft_step_shares_the_voxel_on_the_surface():
    depth = torch.tensor([-1.0, -0.5, 0.0, 0.25, 3.0]).view(5, 1, 1)
    assert soft_step(depth, edge=1).flatten().tolist() == [0, 0, 0.5, 0.75, 1]


def test_soft_step_refuses_an_edge_without_width():
    with pytest.raises(ValueError, match='edge must be positive, got 0'):
        soft_step(torch.zeros(1, 1, 1), edge=0)


@pytest.mark.parametrize('radii', [(9, 9, 9), (12, 7, 5)])
def test_ellipsoid_has_its_volume(radii):
    covered = Ellipsoid((0.3, -0.2, 0.1), radii).coverage(positions(40, 1.0), edge=1)
    assert float(covered.sum()) == pytest.approx(4 / 3 * math.pi * math.prod(radii), rel=0.02)


def test_ellipsoid_turns_from_x_towards_y():
    point = torch.tensor([0.0, 8.0, 0.0]).view(3, 1, 1, 1)
    assert float(Ellipsoid((0, 0, 0), (10, 2, 2)).coverage(point, edge=1)) == 0
    assert float(Ellipsoid((0, 0, 0), (10, 2, 2), turn=90).coverage(point, edge=1)) == 1


@pytest.mark.parametrize('radius', [0.4, 0.6, 3.0])
def test_tube_keeps_its_cross_section_even_below_a_voxel(radius):
    tube = Tube(((0, 0, -40), (0.2, 0.3, 40)), radius)
    covered = tube.coverage(positions(33, 1.0), edge=1)
    assert float(covered[:, :, 16].sum()) == pytest.approx(math.pi * radius**2, rel=0.1)


def test_pieces_of_a_tube_cover_what_the_tube_covers():
    tube = Tube(((-8, 0, 0), (0, 5, 2), (6, -3, 7)), 2.0)
    where = positions(24, 1.0)
    pieces = torch.stack([piece.coverage(where, edge=1) for piece in tube.pieces()])
    torch.testing.assert_close(pieces.amax(0), tube.coverage(where, edge=1))


def test_shell_is_the_difference_of_two_balls():
    distance = positions(40, 1.0).norm(dim=0) - 8
    covered = shell(distance, inner=2, outer=6, edge=1)
    expected = 4 / 3 * math.pi * (14**3 - 10**3)
    assert float(covered.sum()) == pytest.approx(expected, rel=0.01)
    with pytest.raises(ValueError, match='inner must be less than outer'):
        shell(distance, inner=6, outer=2, edge=1)


@pytest.mark.parametrize(
    'shape', [Ellipsoid((5, 1, 2), (4, 2, 3), turn=30), Tube(((3, 1, 0), (8, -4, 2)), 1.5)]
)
def test_mirrored_shape_covers_the_mirrored_voxels(shape):
    where = positions(24, 1.0)
    there = mirrored(shape).coverage(where, edge=1)
    torch.testing.assert_close(there, shape.coverage(where, edge=1).flip(0))


def test_bounds_hold_the_shape():
    where = positions(40, 1.0)
    shape = Ellipsoid((5, 1, 2), (9, 2, 3), turn=30)
    low, high = (torch.tensor(corner).view(3, 1, 1, 1) for corner in shape.bounds)
    outside = ((where < low - 0.5) | (where > high + 0.5)).any(dim=0)
    assert float(shape.coverage(where, edge=1)[outside].max()) == 0


def test_field_of_a_paramagnetic_ball_has_sign_and_size_of_a_dipole():
    ball = Ellipsoid((0, 0, 0), (8, 8, 8)).coverage(positions(49, 1.0), edge=1)
    field = forward_field(ball, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    along, across = field[24, 24, 24 + 16], field[24 + 16, 24, 24]
    assert float(along) == pytest.approx(2 / 3 * (8 / 16) ** 3, rel=0.05)
    assert float(across) == pytest.approx(-1 / 3 * (8 / 16) ** 3, rel=0.05)
    assert abs(float(field[24, 24, 24])) < 0.01
