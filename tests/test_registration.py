import pytest
import torch

from qsmnet_bids.registration import Rigid, bring_back, register, turn_back

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
