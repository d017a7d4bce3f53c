import math

import numpy as np
import pytest

from qsmnet_bids.physics.orientation import b0_dir_from_affine, voxel_size_from_affine


def rotation(axis, degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = np.eye(3)
    first, second = [i for i in range(3) if i != axis]
    turned[first, first] = turned[second, second] = c
    turned[first, second], turned[second, first] = -s, s
    return turned


def affine(directions, voxel_size):
    matrix = np.eye(4)
    matrix[:3, :3] = directions * np.asarray(voxel_size)
    matrix[:3, 3] = (-90.0, 12.0, 3.0)
    return matrix


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_b0_is_the_third_row_of_the_rotation(axis):
    directions = rotation(axis, 30) @ rotation((axis + 1) % 3, -20)
    matrix = affine(directions, (0.8, 0.9, 2.0))

    assert voxel_size_from_affine(matrix) == pytest.approx((0.8, 0.9, 2.0))
    assert b0_dir_from_affine(matrix) == pytest.approx(tuple(directions[2]))


def test_permuted_and_flipped_axes():
    # sagittal: the file's axes are anterior, inferior, right
    directions = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float)
    assert b0_dir_from_affine(affine(directions, (1, 1, 1.2))) == pytest.approx((0, -1, 0))
