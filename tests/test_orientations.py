import math

import pytest
import torch

from qsmnet_bids.orientations import align, check_angles, condition_number, least_angle
from qsmnet_bids.tensors import LocalField
from tests.inversion.test_cosmos import POSES, SHAPE, SIZE, error, field_of, pose_of

UP = (0.0, 0.0, 1.0)


def turned(degrees):
    angle = math.radians(degrees)
    return 0.0, math.sin(angle), math.cos(angle)


@pytest.mark.parametrize(
    ('b0_dirs', 'angle'),
    [([UP, turned(30), turned(-35)], 30.0), ([UP, turned(170), turned(40)], 10.0)],
)
def test_the_least_angle_is_that_between_lines(b0_dirs, angle):
    assert least_angle(b0_dirs) == pytest.approx(angle)


def test_one_direction_determines_nothing_three_at_right_angles_all():
    # sum (1/3 - k_i^2)^2 over three right angles is sum k_i^4 - 1/3: 2/3 along an axis, 0 between
    assert condition_number([UP]) > 1000
    assert condition_number([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), UP]) > 50
    far = [UP, turned(60), (math.sin(math.pi / 3), 0.0, 0.5)]
    assert condition_number(far) < condition_number([UP, turned(20), turned(-20)]) < 50


def test_heads_that_are_hardly_turned_are_named_with_their_angles():
    names = ['sub-1_run-1', 'sub-1_run-2', 'sub-1_run-3']
    check_angles([UP, turned(2), turned(6)], names=names)
    found = r'against sub-1_run-1 by at least 5 .* sub-1_run-2 by 2.0, sub-1_run-3 by 4.0;'
    with pytest.raises(ValueError, match=found):
        check_angles([UP, turned(2), turned(176)], names=names)


def test_turned_heads_come_to_lie_on_the_first_with_their_field_and_direction():
    fields = []
    for pose in POSES:
        brain, magnitude, chi = pose_of(*pose)
        noise = torch.full(SHAPE, 0.01) * brain
        field = field_of(chi) * brain
        fields.append(LocalField(field, noise, brain, SIZE, UP, magnitude=magnitude))
    aligned = align(fields)
    brain, _, chi = pose_of(*POSES[0])
    assert aligned.fields[0] is fields[0]
    for (rotation, shift), local, found, moved in zip(
        POSES[1:], aligned.fields[1:], aligned.rotations[1:], aligned.shifts[1:], strict=True
    ):
        between = found.T @ rotation.double()
        assert math.degrees(math.acos(min(1.0, float(between.trace() - 1) / 2))) < 2.5
        torch.testing.assert_close(moved.float(), torch.tensor(shift), atol=0.1, rtol=0)
        expected = field_of(chi, tuple((rotation.T @ torch.tensor(UP)).tolist()))
        assert error(local.field, expected, local.mask & brain) < 0.15
        assert not local.field[~local.mask].any()
        assert float(local.noise[local.mask].min()) > 0.0098
        assert float((local.mask & brain).sum() / brain.sum()) > 0.75
        assert not (local.mask & ~brain).sum() > 0.02 * brain.sum()


def test_without_a_magnitude_nothing_is_registered():
    brain = torch.ones(SHAPE, dtype=torch.bool)
    zero = torch.zeros(SHAPE)
    with pytest.raises(ValueError, match='must have a magnitude'):
        align([LocalField(zero, zero, brain, SIZE, UP)] * 2)
