import dataclasses

import pytest
import torch

from qsmnet_bids.masking.combined import combined
from qsmnet_bids.masking.morphology import erode
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import NOISE
from qsmnet_bids.phantom.signal import simulate as scan
from tests.masking.test_contract import dice
from tests.simulated import simulate

VOXEL = (1.0, 1.0, 1.0)


def test_a_surface_that_is_mostly_bone_is_left_out():
    head = simulate(scalp=False)
    # bone gives no signal: what is left has the phase of the tissue beside it
    within = erode(head.brain, 1.0, voxel_size=VOXEL)
    magnitude = torch.where(within, 1.0, 0.4) * head.echoes.magnitude
    echoes = dataclasses.replace(head.echoes, magnitude=magnitude)
    assert torch.equal(combined(echoes, quality=0.4), within)
    kept = combined(echoes, quality=0.4, edge=0.0)
    assert float((kept & ~within).sum()) > 0.9 * float((head.brain & ~within).sum())


def test_the_brightness_of_the_surface_is_a_fraction():
    for value in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf'edge must be in \[0, 1\), got {value}'):
            combined(simulate(shape=(16, 16, 16)).echoes, edge=value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('voxel_size', 'oblique', 'b0', 'noise', 'least'),
    [
        ((4.0, 4.0, 4.0), 0.0, 3.0, NOISE, 0.975),
        ((4.0, 4.0, 4.0), 30.0, 3.0, 3 * NOISE, 0.975),
        ((4.0, 4.0, 4.0), 0.0, 7.0, NOISE, 0.95),
        ((2.0, 2.0, 5.0), 30.0, 3.0, NOISE, 0.98),
    ],
)
def test_coarse_voxels_hold_brain_and_little_bone(voxel_size, oblique, b0, noise, least):
    phantom = brain_phantom(voxel_size=voxel_size, oblique=oblique, seed=5)
    mask = combined(scan(phantom, b0=b0, noise=noise, seed=5).echoes)
    assert dice(mask, phantom.mask) > least
    assert float((mask & ~phantom.mask).sum()) < 0.025 * float(phantom.mask.sum())
    # bone is 2 ppm away from tissue
    assert float((phantom.chi[mask] < -0.5).float().mean()) < 0.001
