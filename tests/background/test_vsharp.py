import dataclasses

import pytest
import torch

from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SIZES = [((56, 56, 56), (1.0, 1.0, 1.0)), ((60, 60, 28), (0.9, 0.9, 2.0))]
B0_DIR = (0.0, 0.6, 0.8)


def brain(shape, voxel_size, radius=22.0):
    return coordinates(shape, voxel_size).square().sum(0).sqrt() < radius


def as_total(field, mask, voxel_size):
    return TotalField(field, 0.001 * mask, mask, voxel_size, B0_DIR)


@pytest.mark.parametrize(('shape', 'voxel_size'), SIZES)
def test_the_field_of_a_dipole_outside_is_removed(shape, voxel_size):
    mask = brain(shape, voxel_size)
    source = coordinates(shape, voxel_size) - torch.tensor([0.0, 10.0, 32.0]).view(3, 1, 1, 1)
    distance = source.square().sum(0).sqrt()
    cosine = (0.6 * source[1] + 0.8 * source[2]) / distance
    field = 1000 * (3 * cosine**2 - 1) / distance**3 + 0.2

    local = vsharp(as_total(field, mask, voxel_size))

    inside = local.mask
    assert float(local.field[inside].norm()) < 0.05 * float(field[inside].norm())


@pytest.mark.parametrize(('shape', 'voxel_size'), SIZES)
def test_the_field_of_a_source_inside_is_kept(shape, voxel_size):
    mask = brain(shape, voxel_size)
    ball = coordinates(shape, voxel_size).square().sum(0).sqrt() < 4
    field = forward_field(0.5 * ball, voxel_size=voxel_size, b0_dir=B0_DIR)

    local = vsharp(as_total(field, mask, voxel_size))

    inside = local.mask
    kept = float((local.field * field)[inside].sum() / field[inside].square().sum())
    assert kept == pytest.approx(1, abs=0.1)
    assert float((local.field - field)[inside].norm()) < 0.2 * float(field[inside].norm())


def test_the_mask_shrinks_by_the_smallest_sphere_only():
    mask = brain((48, 48, 48), (1.0, 1.0, 1.0), radius=18.0)
    total = as_total(torch.zeros(48, 48, 48), mask, (1.0, 1.0, 1.0))
    distance = coordinates((48, 48, 48), (1.0, 1.0, 1.0)).square().sum(0).sqrt()

    one = vsharp(total).mask
    three = vsharp(total, min_radius=3.0).mask

    assert one[distance < 16].all()
    assert not one[distance > 17.5].any()
    assert three[distance < 13.5].all()
    assert not three[distance > 15.5].any()


def test_the_borders_of_the_volume_end_the_mask():
    everything = torch.ones(30, 30, 30, dtype=torch.bool)
    local = vsharp(as_total(torch.zeros(30, 30, 30), everything, (1.0, 1.0, 1.0)))
    assert torch.equal(local.mask.nonzero().amin(0), torch.tensor([1, 1, 1]))
    assert torch.equal(local.mask.nonzero().amax(0), torch.tensor([28, 28, 28]))


@pytest.mark.parametrize(
    'options',
    [
        {'threshold': 1.0},
        {'max_radius': 2.0, 'min_radius': 3.0},
        {'radius_step': -1.0},
        {'min_radius': -1.0},
    ],
)
def test_nonsense_is_refused(options):
    mask = brain((24, 24, 24), (1.0, 1.0, 1.0), radius=8.0)
    with pytest.raises(ValueError, match=r'threshold|radii'):
        vsharp(as_total(torch.zeros(24, 24, 24), mask, (1.0, 1.0, 1.0)), **options)


def test_a_mask_without_room_for_a_sphere_is_refused():
    mask = torch.zeros(24, 24, 24, dtype=torch.bool)
    mask[:, :, 12] = True
    total = as_total(torch.zeros(24, 24, 24), mask, (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match='too thin'):
        vsharp(dataclasses.replace(total))
