import math

import pytest
import torch

from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import simulate
from qsmnet_bids.registration import Rigid, bring_back, register, turn_back
from tests.simulated import coordinates

QUARTER = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def test_a_quarter_turn_is_that_of_the_array():
    volume = torch.rand(8, 8, 6, generator=torch.Generator().manual_seed(1))
    motion = Rigid(QUARTER, torch.zeros(3, dtype=torch.float64))
    back = bring_back(volume, motion, voxel_size=(1.0, 1.0, 1.0))
    # the fixed point along x lies along y in the moving volume
    torch.testing.assert_close(back, torch.rot90(volume, -1, (0, 1)), atol=1e-5, rtol=0)
    assert turn_back((0.0, 1.0, 0.0), motion) == pytest.approx((1.0, 0.0, 0.0))


def test_a_shift_is_in_millimetres():
    volume = torch.zeros(8, 8, 8)
    volume[5, 3, 4] = 1.0
    motion = Rigid(torch.eye(3, dtype=torch.float64), torch.tensor([2.0, 0.0, 0.0]).double())
    back = bring_back(volume, motion, voxel_size=(2.0, 1.0, 1.0), nearest=True)
    assert float(back[4, 3, 4]) == 1.0
    assert float(back.sum()) == 1.0


def test_what_has_no_match_is_refused():
    volume = torch.ones(8, 8, 8)
    with pytest.raises(ValueError, match='zero everywhere'):
        register(volume, 0 * volume, voxel_size=(1.0, 1.0, 1.0))


SIZE = (4.0, 4.0, 4.0)


@pytest.fixture(scope='module')
def head():
    """Magnitude of a head with scalp, skull and neck."""
    phantom = brain_phantom(voxel_size=SIZE, seed=1)
    return simulate(phantom, echo_times=(0.012,), seed=1, noise=0.0).echoes.magnitude[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('axis', 'degrees', 'shift'),
    [
        ((1.0, 0.0, 0.0), 5.0, (2.0, -1.0, 3.0)),
        ((1.0, 0.0, 0.0), -35.0, (0.0, 12.0, -6.0)),
        ((0.6, 0.0, 0.8), 20.0, (6.0, 5.0, -5.0)),
        # without other starts it ends where it began
        ((0.0, 1.0, 0.0), 40.0, (-15.0, 0.0, 0.0)),
    ],
)
def test_a_turned_head_is_found_through_noise_and_another_receive_bias(
    head, axis, degrees, shift, generator
):
    x, y, z = (math.radians(degrees) * part for part in axis)
    across = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    rotation = torch.linalg.matrix_exp(across)
    there = torch.tensor(shift, dtype=torch.float64)
    moved = bring_back(head, Rigid(rotation.T, -rotation.T @ there), voxel_size=SIZE)
    place = coordinates(tuple(head.shape), SIZE) / 100
    moved = moved * (1 + 0.15 * place[0] - 0.1 * place[1] * place[2])
    noise = 0.02 * float(head.quantile(0.95)) * torch.randn(2, *head.shape, generator=generator)
    moved, still = (torch.complex(v + noise[0], noise[1]).abs() for v in (moved, head))
    motion = register(moved, still, voxel_size=SIZE)
    cosine = (float((motion.rotation.T @ rotation).trace()) - 1) / 2
    assert math.degrees(math.acos(min(1.0, cosine))) < 0.5
    assert float((motion.shift - there).abs().max()) < 0.5
