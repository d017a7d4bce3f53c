import pytest
import torch

from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.symmetry import SYMMETRIES, turned, turned_back
from qsmnet_bids.tensors import LocalField, Removed

VOXEL, B0_DIR = (1.0, 1.5, 2.0), (0.48, 0.6, 0.64)


def test_there_are_48_different_symmetries():
    assert len(set(SYMMETRIES)) == 48
    assert SYMMETRIES[0] == ((0, 1, 2), ())


@pytest.mark.parametrize('symmetry', SYMMETRIES)
def test_physics_is_the_same_on_turned_axes(symmetry, generator):
    chi = torch.randn(12, 10, 8, generator=generator)
    mask = torch.ones(12, 10, 8, dtype=torch.bool)
    removed = Removed(2 * chi, 0.02 * mask, mask)
    given = LocalField(chi, 0.01 * mask, mask, VOXEL, B0_DIR, removed=removed)
    there = turned(given, symmetry)
    assert torch.equal(there.removed.field, 2 * there.field)
    assert torch.equal(there.removed.noise, 2 * there.noise)
    field = forward_field(there.field, voxel_size=there.voxel_size, b0_dir=there.b0_dir)
    expected = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR)
    torch.testing.assert_close(turned_back(field, symmetry), expected, atol=1e-4, rtol=1e-3)
