import dataclasses

import pytest
import torch

from qsmnet_bids.networks.direct import Direct
from tests.networks.samples import random_sample, scaled


@pytest.mark.parametrize('options', [{}, {'with_mask': True}, {'with_magnitude': True}])
def test_the_output_is_proportional_to_the_field(options):
    torch.manual_seed(0)
    network = Direct(features=2, depth=2, **options).eval()
    sample = random_sample()
    once = network(sample)
    assert torch.equal(network(scaled(sample, 8.0)), 8 * once)
    torch.testing.assert_close(network(scaled(sample, 1000.0)), 1000 * once, rtol=1e-4, atol=1e-4)


def test_the_u_net_sees_a_standard_deviation_of_one():
    network = Direct(features=2, depth=1)
    seen = []
    network.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    sample = random_sample()
    network(sample)
    for channel, mask in zip(seen[0][:, 0], sample.mask[:, 0], strict=True):
        assert float(channel[mask > 0].std()) == pytest.approx(1, rel=1e-5)


def test_no_field_no_output():
    network = Direct(features=2, depth=1)
    sample = random_sample()
    empty = dataclasses.replace(sample, field=torch.zeros_like(sample.field))
    assert not network(empty).any()


def test_a_missing_magnitude_is_named():
    network = Direct(features=2, depth=1, with_magnitude=True)
    sample = dataclasses.replace(random_sample(), magnitude=None)
    with pytest.raises(ValueError, match='magnitude'):
        network(sample)


def test_a_gain_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match='gain must be positive'):
        Direct(gain=0.0)
