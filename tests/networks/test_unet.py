import itertools

import pytest
import torch

from qsmnet_bids.networks.unet import UNet, as_correction


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


@pytest.mark.parametrize('normalisation', ['instance', 'group'])
def test_other_normalisations_work_on_single_samples(normalisation):
    network = UNet(features=4, depth=2, normalisation=normalisation)
    volume = torch.randn(2, 1, 8, 8, 8)
    both = network(volume)
    torch.testing.assert_close(network(volume[:1]), both[:1], atol=1e-5, rtol=1e-4)


def test_the_deeper_network_of_the_thesis_sees_twice_as_far():
    assert UNet(features=16, depth=5).multiple == 32


def test_qsmnet_is_a_choice_of_arguments():
    with torch.device('meta'):  # 180 million weights
        network = UNet(features=32, depth=4, kernel_size=5, normalisation='batch')
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)]
    assert [c.kernel_size[0] for c in convolutions].count(5) == 18
    assert max(c.out_channels for c in convolutions) == 512
    assert sum(isinstance(m, torch.nn.BatchNorm3d) for m in network.modules()) == 18


def test_folding_keeps_voxels_in_their_places():
    network = UNet(in_channels=3, out_channels=3, features=24, depth=1, fold=2)
    network.encoders, network.decoders = torch.nn.ModuleList(), torch.nn.ModuleList()
    network.depth = 0
    network.encoders.append(torch.nn.Identity())
    torch.nn.init.dirac_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    volumes = torch.randn(2, 3, 8, 4, 6)
    torch.testing.assert_close(network(volumes), volumes)


def test_folding_costs_a_fraction():
    wide, folded = UNet(features=8, depth=2), UNet(features=8, depth=2, fold=2)
    assert (wide.multiple, folded.multiple) == (4, 8)
    assert folded(torch.randn(1, 1, 16, 8, 8)).shape == (1, 1, 16, 8, 8)


def test_a_fold_below_one_is_refused():
    with pytest.raises(ValueError, match='fold must be at least 1'):
        UNet(fold=0)


def test_a_correction_starts_from_zero_and_nothing_in_it_dies():
    network = as_correction(UNet(features=2, depth=2))
    volumes = torch.randn(1, 1, 8, 8, 8)
    assert not network(volumes).any()
    assert not any(isinstance(module, torch.nn.ReLU) for module in network.modules())
    torch.nn.init.ones_(network.head.weight)
    # biases that switch every plain rectifier off
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d) and module is not network.head:
            torch.nn.init.constant_(module.bias, -100.0)
    network(volumes).sum().backward()
    assert network.encoders[0][0].weight.grad.any()
