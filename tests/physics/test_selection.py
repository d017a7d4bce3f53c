import torch

from qsmnet_bids.physics.selection import select


def test_takes_what_indexing_takes_and_copies():
    volume = torch.arange(24.0).reshape(2, 3, 4)
    mask = volume % 3 == 1
    taken = select(volume.transpose(0, 2), mask.transpose(0, 2))
    assert torch.equal(taken, volume.transpose(0, 2)[mask.transpose(0, 2)])
    taken.zero_()
    assert volume.sum() == 276
