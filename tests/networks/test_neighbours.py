import pytest
import torch

from qsmnet_bids.networks.neighbours import rim, widened


@pytest.mark.parametrize('n', [0, 1, 2, 3, 5, 8, 20])
def test_the_greatest_value_of_a_cube_is_found_up_to_the_faces(n):
    volume = torch.rand((2, 9, 7, 8), generator=torch.Generator().manual_seed(0))
    given = volume.clone()
    padded = torch.nn.functional.pad(volume, [n] * 6, value=-1)
    expected = torch.nn.functional.max_pool3d(padded, 2 * n + 1, stride=1)
    assert torch.equal(widened(volume, n), expected)
    assert torch.equal(volume, given)


def test_a_rim_is_as_deep_as_the_mask_is_large_and_faces_are_no_border():
    mask = torch.zeros(2, 1, 40, 40, 40)
    mask[0, :, 10:30, 10:30, 10:30] = 1
    mask[1] = 1
    found = rim(mask, 0.1)
    inner = torch.zeros_like(mask[0])
    inner[:, 12:28, 12:28, 12:28] = 1
    assert torch.equal(found[0], mask[0] - inner)
    assert not found[1].any()
    assert torch.equal(rim(mask[:1], 0.001)[0, 0, 10], mask[0, 0, 10])
