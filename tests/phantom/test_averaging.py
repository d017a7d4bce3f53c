import torch

from qsmnet_bids.phantom.averaging import averaged_field, block_mean


def test_blocks_are_averaged_and_what_is_left_over_is_cut_off():
    volumes = torch.arange(2 * 5 * 4 * 7, dtype=torch.float32).view(2, 5, 4, 7)
    means = block_mean(volumes, 2)
    assert means.shape == (2, 2, 2, 3)
    torch.testing.assert_close(means[1, 1, 0, 2], volumes[1, 2:4, :2, 4:6].mean())
    torch.testing.assert_close(block_mean(volumes[0], 2), means[0])


def test_the_field_of_a_voxel_is_the_phase_of_its_mean_signal():
    field = torch.zeros(2, 2, 2)
    field[0] = 0.03
    weight = torch.ones_like(field)
    # of equal signals the mean has the mean phase
    mean = averaged_field(field, weight, 20.0, 2)
    torch.testing.assert_close(mean, torch.full((1, 1, 1), 0.015))
    weight[0] = 0.0
    assert averaged_field(field, weight, 20.0, 2).abs().max() < 1e-7


def test_each_world_has_its_own_phase_which_may_be_of_many_turns():
    generator = torch.Generator().manual_seed(0)
    field = 1 + 0.001 * torch.randn((2, 4, 4, 4), generator=generator)
    weight = torch.ones_like(field)
    turns = torch.tensor([5.0, 40.0]).view(2, 1, 1, 1)
    both = averaged_field(field, weight, turns, 2)
    for world in (0, 1):
        own = averaged_field(field[world], weight[world], float(turns[world]), 2)
        torch.testing.assert_close(both[world], own)
    torch.testing.assert_close(both, block_mean(field, 2), atol=1e-4, rtol=0)
