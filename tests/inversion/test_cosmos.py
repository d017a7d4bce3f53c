import dataclasses
import math

import pytest
import torch

from qsmnet_bids.inversion.cosmos import cosmos
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.registration import bring_back, register, turn_back
from qsmnet_bids.tensors import LocalField
from tests.simulated import coordinates

SHAPE, SIZE = (40, 42, 36), (1.0, 1.0, 1.2)
POSES = [
    (torch.eye(3), (0.0, 0.0, 0.0)),
    (
        torch.linalg.matrix_exp(
            math.radians(25) * torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        ),
        (0.7, -1.2, 0.4),
    ),
    (
        torch.linalg.matrix_exp(
            math.radians(-28) * torch.tensor([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
        ),
        (-0.6, 0.3, 0.9),
    ),
]
BLOBS = [((5.0, 2.0, -3.0), 3.5, 0.3), ((-6.0, 1.0, 2.0), 3.0, -0.2), ((1.0, -6.0, 5.0), 4.0, 0.2)]


def pose_of(rotation, shift):
    """Brain, magnitude and chi of a head that was turned and shifted."""
    offsets = coordinates(SHAPE, SIZE)
    moved = offsets - torch.tensor(shift).view(3, 1, 1, 1)
    x = torch.einsum('ji,jabc->iabc', rotation, moved)
    chi = torch.zeros(SHAPE)
    distance = (x / torch.tensor([1.0, 1.1, 0.95]).view(3, 1, 1, 1)).norm(dim=0)
    magnitude = torch.sigmoid(2 * (14.5 - distance))
    for centre, width, strength in BLOBS:
        blob = torch.exp(
            -(x - torch.tensor(centre).view(3, 1, 1, 1)).square().sum(0) / (2 * width**2)
        )
        chi = chi + strength * blob
        magnitude = magnitude * (1 - strength * blob)
    brain = distance < 14.5
    return brain, magnitude, chi * brain


def field_of(chi, b0_dir=(0.0, 0.0, 1.0)):
    return forward_field(chi, voxel_size=SIZE, b0_dir=b0_dir)


def error(found, truth, mask):
    found, truth = (v[mask] - v[mask].mean() for v in (found, truth))
    return float((found - truth).norm() / truth.norm())


def tilted(b0_dirs, noise=0.0):
    brain, _, chi = pose_of(*POSES[0])
    generator = torch.Generator().manual_seed(2)
    return (
        brain,
        chi,
        [
            LocalField(
                (field_of(chi, b0) + noise * torch.randn(SHAPE, generator=generator)) * brain,
                noise * brain,
                brain,
                SIZE,
                b0,
            )
            for b0 in b0_dirs
        ],
    )


DIRECTIONS = [(0.0, 0.0, 1.0), (0.0, 0.5, math.sqrt(0.75)), (0.5, 0.0, math.sqrt(0.75))]


@pytest.mark.parametrize('weighting', ['noise', 'mask'])
def test_three_directions_give_susceptibility_exactly(weighting):
    brain, chi, fields = tilted(DIRECTIONS)
    found = cosmos(fields, weighting=weighting)
    assert error(found.chi, chi, brain) < 0.03
    assert not found.chi[~brain].any()
    assert found.b0_dir == DIRECTIONS[0]
    assert found.convergence.n_iterations >= 1


def test_the_noisy_field_counts_less():
    brain, chi, fields = tilted(DIRECTIONS, noise=0.002)
    generator = torch.Generator().manual_seed(9)
    bad = brain & (coordinates(SHAPE, SIZE)[0] > 6)
    spoiled = fields[0].field + 0.1 * bad * torch.randn(SHAPE, generator=generator)
    fields[0] = dataclasses.replace(fields[0], field=spoiled, noise=fields[0].noise + 0.1 * bad)
    weighted, plain = (cosmos(fields, weighting=w).chi for w in ('noise', 'mask'))
    assert error(weighted, chi, brain) < 0.7 * error(plain, chi, brain)


def test_a_voxel_is_known_only_where_every_field_is():
    brain, _, fields = tilted(DIRECTIONS)
    less = brain & (coordinates(SHAPE, SIZE)[1] > -5)
    fields[1] = dataclasses.replace(fields[1], mask=less)
    found = cosmos(fields)
    assert torch.equal(found.mask, less)
    assert not found.chi[~less].any()


def test_a_turned_head_is_registered_and_its_b0_turned_back():
    brain, still, chi = pose_of(*POSES[0])
    fields = []
    for rotation, shift in POSES:
        _, magnitude, moved = pose_of(rotation, shift)
        motion = register(magnitude, still, voxel_size=SIZE)
        turned = motion.rotation.T @ rotation.double()
        angle = torch.arccos(((turned.trace() - 1) / 2).clamp(-1, 1)).rad2deg()
        assert float(angle) < 2.5  # this head is all but a ball
        torch.testing.assert_close(motion.shift.float(), torch.tensor(shift), atol=0.1, rtol=0)
        field = bring_back(field_of(moved), motion, voxel_size=SIZE) * brain
        b0_dir = turn_back((0.0, 0.0, 1.0), motion)
        fields.append(LocalField(field, torch.zeros(SHAPE), brain, SIZE, b0_dir))
    core = coordinates(SHAPE, SIZE).square().sum(0).sqrt() < 12
    found = cosmos(fields)
    assert error(found.chi, chi, core) < 0.08
    wrong = [dataclasses.replace(f, b0_dir=mirrored(f.b0_dir)) for f in fields]
    assert error(cosmos(wrong).chi, chi, core) > 3 * error(found.chi, chi, core)


def mirrored(b0_dir):
    return -b0_dir[0], -b0_dir[1], b0_dir[2]


@pytest.mark.parametrize(
    ('directions', 'options'),
    [
        (DIRECTIONS[:1], {}),
        ([DIRECTIONS[0], (0.0, 0.0, -1.0)], {}),
        (DIRECTIONS, {'alpha': 0.0}),
        (DIRECTIONS, {'max_iterations': 0}),
        (DIRECTIONS, {'tolerance': -1.0}),
    ],
)
def test_what_cannot_be_solved_is_refused(directions, options):
    _, _, fields = tilted(directions)
    with pytest.raises(ValueError, match='must'):
        cosmos(fields, **options)


def test_other_grids_are_refused():
    _, _, fields = tilted(DIRECTIONS)
    fields[1] = dataclasses.replace(fields[1], voxel_size=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match='on one grid'):
        cosmos(fields)
