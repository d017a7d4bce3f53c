import pytest
import torch

from qsmnet_bids.physics.box import bounding_box, put_back


def test_crop_and_put_back_is_the_masked_volume(generator):
    mask = torch.zeros(9, 8, 7, dtype=torch.bool)
    mask[2:5, 1:8, 3] = True
    volume = torch.rand(9, 8, 7, generator=generator)

    box = bounding_box(mask)

    assert volume[box].shape == (3, 7, 1)
    assert torch.equal(put_back(volume[box], box, volume.shape), volume * mask)


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match='empty'):
        bounding_box(torch.zeros(3, 3, 3, dtype=torch.bool))
