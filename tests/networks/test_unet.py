import itertools

import pytest
import torch

from qsmnet_bids.networks.unet import UNet


@pytest.mark.parametrize('normalisation', ['none', 'batch'])
def test_the_output_has_the_input_s_size(normalisation):
    network = UNet(in_channels=2, features=2, depth=2, normalisation=normalisation)
    assert network(torch.randn(3, 2, 8, 12, 16)).shape == (3, 1, 8, 12, 16)


def test_deepqsm_has_the_published_number_of_weights():
    n_weights = sum(parameter.numel() for parameter in UNet().parameters())
    double = sum(
        27 * (n_in * n_out + n_out * n_out) + 2 * n_out
        for n_in, n_out in itertools.pairwise([1, 16, 32, 64, 128, 256, 128, 64, 32, 16])
    )
    ups = sum(8 * 2 * width * width + width for width in (16, 32, 64, 128))
    assert n_weights == double + ups + 17


def test_the_output_can_be_negative():
    torch.manual_seed(0)
    output = UNet(features=4, depth=2)(torch.randn(1, 1, 8, 8, 8))
    assert output.min() < 0 < output.max()


def test_the_variance_survives_the_rectified_layers():
    torch.manual_seed(0)
    network = UNet(features=16, depth=2)
    spread = network.encoders[2](
        network.encoders[1](network.encoders[0](torch.randn(1, 1, 16, 16, 16)))
    ).std()
    assert 0.2 < spread < 5


@pytest.mark.parametrize('arguments', [{'kernel_size': 4}, {'depth': 0}])
def test_bad_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match='must be'):
        UNet(**arguments)
