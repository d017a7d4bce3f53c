import dataclasses

import pytest
import torch

from qsmnet_bids.networks.closed_form import N_CHANNELS
from qsmnet_bids.networks.informed import Informed
from tests.networks.samples import random_sample, scaled


def trained(**options):
    """A small network whose last layer is not zero any more."""
    torch.manual_seed(0)
    network = Informed(features=2, depth=2, **options).eval()
    torch.nn.init.normal_(network.unet.head.weight, std=0.1)
    return network


@pytest.mark.parametrize('task', ['dipole', 'background', 'onestep'])
@pytest.mark.parametrize('fold', [1, 2])
def test_the_output_is_proportional_to_field_and_noise(task, fold):
    network = trained(task=task, fold=fold)
    sample = random_sample(n_inverse=N_CHANNELS[task])
    once = network(sample)
    assert once.shape == sample.field.shape
    assert torch.equal(network(scaled(sample, 8.0)), 8 * once)
    torch.testing.assert_close(network(scaled(sample, 1000.0)), 1000 * once, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(('task', 'first'), [('dipole', 0), ('background', 0), ('onestep', 1)])
def test_an_untrained_network_is_its_first_estimate(task, first):
    sample = random_sample(n_inverse=N_CHANNELS[task])
    output = Informed(task=task, features=2, depth=1)(sample)
    torch.testing.assert_close(output[:, 0], sample.inverse[:, first])


def test_the_output_is_zero_outside_the_mask_and_depends_on_the_noise():
    network, sample = trained(), random_sample(n_inverse=2)
    output = network(sample)
    assert not output[sample.mask == 0].any()
    noisier = dataclasses.replace(sample, noise=5 * sample.noise)
    assert not torch.allclose(network(noisier), output, rtol=1e-2)


def test_the_magnitude_is_an_option():
    sample = random_sample(n_inverse=2)
    bright = dataclasses.replace(sample, magnitude=3 * sample.magnitude)
    network = trained(with_magnitude=True)
    assert not torch.allclose(network(sample), network(bright), rtol=1e-2)
    with pytest.raises(ValueError, match='magnitude'):
        network(dataclasses.replace(sample, magnitude=None))


def test_a_sample_without_estimates_is_refused():
    with pytest.raises(ValueError, match='closed-form'):
        Informed(features=2, depth=1)(random_sample())


def test_every_weight_gets_a_gradient_and_the_loss_falls():
    network, sample = Informed(features=4, depth=1), random_sample(n_inverse=2)
    label = 0.5 * sample.inverse[:, :1] + sample.field
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = (network(sample) - label).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
    assert losses[-1] < 0.4 * losses[0]


def test_a_total_field_far_above_the_local_one_stays_within_reach():
    network = trained(task='background')
    seen = []
    network.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    sample = random_sample(n_inverse=1)
    strong = dataclasses.replace(sample, field=sample.field + 5.0 * sample.mask)
    network(strong)
    assert float(seen[0].abs().max()) < 20
