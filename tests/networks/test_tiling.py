import dataclasses

import pytest
import torch
from torch import nn

from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.tiling import apply_network
from tests.networks.samples import random_sample


class Smooth(Network):
    """A local operation: tiles that overlap by more than its reach must not show."""

    def __init__(self, multiple, width=3):
        super().__init__()
        self.multiple = multiple
        self.width = width

    def forward(self, sample):
        field = sample.field / self.scale(sample) * self.scale(sample)
        return nn.functional.avg_pool3d(field, self.width, stride=1, padding=self.width // 2)


class Whole(Smooth):
    needs = frozenset({'kernel'})


def field_of(volume):
    sample = random_sample(volume.shape, n=1)
    return dataclasses.replace(sample, field=volume[None, None], kernel=None)


def random_volume(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_padding_is_cropped_again():
    volume = random_volume(13, 17, 9)
    output = apply_network(Smooth(8, width=1), field_of(volume))
    torch.testing.assert_close(output[0, 0], volume)


@pytest.mark.parametrize('shape', [(40, 40, 40), (50, 33, 17), (16, 70, 16)])
def test_tiles_agree_with_the_whole(shape):
    volume = random_volume(*shape)
    tiled = apply_network(Smooth(16, width=1), field_of(volume), tile_size=32)
    torch.testing.assert_close(tiled[0, 0], volume)


def test_seams_fade_into_each_other():
    """The error of a tile's edge is weighted down, never passed on whole."""
    sample = field_of(torch.ones(48, 48, 48))
    whole = apply_network(Smooth(16), sample)[0, 0]
    tiled = apply_network(Smooth(16), sample, tile_size=32)[0, 0]
    assert (whole - tiled).abs()[2:-2, 2:-2, 2:-2].max() < 0.15
    assert (whole - tiled).abs().median() < 1e-6


def test_tiles_share_the_scale_of_the_whole():
    class Scale(Smooth):
        def forward(self, sample):
            return self.scale(sample).expand_as(sample.field)

    sample = random_sample((32, 32, 32), n=1)
    scales = apply_network(Scale(16), dataclasses.replace(sample, kernel=None), tile_size=16)
    torch.testing.assert_close(scales, torch.full_like(scales, float(scales[0, 0, 0, 0, 0])))


@pytest.mark.parametrize('tile_size', [-16, 20])
def test_a_tile_that_the_network_cannot_take_is_refused(tile_size):
    with pytest.raises(ValueError, match='multiple of 16'):
        apply_network(Smooth(16), field_of(torch.zeros(16, 16, 16)), tile_size=tile_size)


def test_a_network_that_convolves_is_not_tiled():
    with pytest.raises(ValueError, match='must be 0 for this network'):
        apply_network(Whole(16), random_sample(n=1), tile_size=16)


def test_a_kernel_is_not_padded():
    with pytest.raises(ValueError, match='sides must be multiples of 16'):
        apply_network(Whole(16), random_sample((16, 16, 24), n=1))
