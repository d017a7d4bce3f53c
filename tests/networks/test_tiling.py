import pytest
import torch
from torch import nn

from qsmnet_bids.networks.tiling import apply_network


class Smooth(nn.Module):
    """A local operation: tiles that overlap by more than its reach must not show."""

    def forward(self, volumes):
        return nn.functional.avg_pool3d(volumes, 3, stride=1, padding=1)


def test_padding_is_cropped_again():
    channels = torch.randn(1, 13, 17, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(apply_network(nn.Identity(), channels, multiple=8), channels)


@pytest.mark.parametrize('shape', [(40, 40, 40), (50, 33, 17), (16, 70, 16)])
def test_tiles_agree_with_the_whole(shape):
    channels = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    tiled = apply_network(nn.Identity(), channels, multiple=16, tile_size=32)
    torch.testing.assert_close(tiled, channels)


def test_seams_fade_into_each_other():
    """The error of a tile's edge is weighted down, never passed on whole."""
    channels = torch.ones(1, 48, 48, 48)
    whole = apply_network(Smooth(), channels, multiple=16)
    tiled = apply_network(Smooth(), channels, multiple=16, tile_size=32)
    assert (whole - tiled).abs()[0, 2:-2, 2:-2, 2:-2].max() < 0.15
    assert (whole - tiled).abs().median() < 1e-6


@pytest.mark.parametrize('tile_size', [-16, 20])
def test_a_tile_that_the_network_cannot_take_is_refused(tile_size):
    with pytest.raises(ValueError, match='multiple of 16'):
        apply_network(nn.Identity(), torch.zeros(1, 16, 16, 16), multiple=16, tile_size=tile_size)
