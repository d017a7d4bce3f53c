import dataclasses

import pytest
import torch

from qsmnet_bids.networks.unrolled import Unrolled
from qsmnet_bids.physics.dipole import dipole_kernel
from tests.networks.samples import random_sample, scaled
from tests.simulated import simulate


def trained(**options):
    """A small network whose last layer is not zero any more."""
    torch.manual_seed(0)
    network = Unrolled(features=2, depth=2, **options).eval()
    torch.nn.init.normal_(network.unet.head.weight, std=0.03)
    return network


def head_sample(noise=0.0):
    head = simulate(shape=(32, 32, 32), b0_dir=(0.0, 0.6, 0.8))
    kernel = dipole_kernel((32, 32, 32), (1.0, 1.0, 1.0), (0.0, 0.6, 0.8))[None]
    sample = random_sample((32, 32, 32), n=1)
    mask = head.brain.float()[None, None]
    return head, dataclasses.replace(
        sample, field=head.local * mask, mask=mask, noise=noise * mask, kernel=kernel
    )


@pytest.mark.parametrize(('fold', 'from_variation'), [(1, False), (2, False), (2, True)])
def test_the_output_is_proportional_to_field_and_noise(fold, from_variation):
    network = trained(fold=fold, from_variation=from_variation)
    sample = random_sample()
    once = network(sample)
    assert once.shape == sample.field.shape
    assert not once[sample.mask == 0].any()
    assert torch.equal(network(scaled(sample, 8.0)), 8 * once)
    torch.testing.assert_close(network(scaled(sample, 1000.0)), 1000 * once, rtol=1e-3, atol=1e-2)


@torch.no_grad()
def test_rounds_of_an_untrained_network_come_closer_to_the_field():
    head, sample = head_sample()
    truth = (head.chi - head.chi[head.brain].mean())[head.brain]

    def error(rounds):
        chi = Unrolled(rounds=rounds, features=2, depth=1)(sample)[0, 0][head.brain]
        return float((chi - chi.mean() - truth).norm() / truth.norm())

    assert error(6) < error(3) < error(1) < 1


@torch.no_grad()
def test_least_variation_is_a_better_start_than_nothing():
    head, sample = head_sample()
    truth = (head.chi - head.chi[head.brain].mean())[head.brain]

    def error(*, from_variation):
        network = Unrolled(rounds=1, from_variation=from_variation, features=2, depth=1)
        chi = network(sample)[0, 0][head.brain]
        return float((chi - chi.mean() - truth).norm() / truth.norm())

    assert error(from_variation=True) < 0.7 * error(from_variation=False)


@torch.no_grad()
def test_a_voxel_that_is_all_noise_is_not_believed():
    _, sample = head_sample(noise=0.001)
    network = Unrolled(rounds=3, features=2, depth=1)
    bad = torch.zeros_like(sample.field)
    bad[..., 16, 16, 16] = 1.0
    spoilt = dataclasses.replace(sample, field=sample.field + bad)
    honest = dataclasses.replace(spoilt, noise=sample.noise + bad)
    clean = network(sample)
    # the scale and the penalty change as well, by far less than the artefact
    assert float((network(honest) - clean).norm()) < 0.3 * float((network(spoilt) - clean).norm())


@torch.no_grad()
def test_a_kernel_of_a_larger_grid_means_padding():
    network, sample = trained(), random_sample((16, 16, 16), n=1)
    kernel = dipole_kernel((24, 24, 24), (1.0, 1.0, 1.5), (0.0, 0.6, 0.8))[None]
    inside = network(dataclasses.replace(sample, kernel=kernel))
    grown = {
        name: torch.nn.functional.pad(getattr(sample, name), (0, 8) * 3)
        for name in ('field', 'mask', 'noise', 'magnitude')
    }
    whole = network(dataclasses.replace(sample, **grown, kernel=kernel))
    # the U-Net sees zeros beyond the volume either way, but for its biases
    assert inside.shape == sample.field.shape
    difference = (whole[..., :16, :16, :16] - inside)[..., 4:8, 4:8, 4:8].abs().max()
    assert float(difference) < 0.2 * float(inside.abs().max())


@pytest.mark.parametrize('from_variation', [False, True])
def test_every_weight_gets_a_gradient(from_variation):
    network, sample = trained(from_variation=from_variation), random_sample()
    network(sample).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    assert network.steps.grad.all()
    assert network.penalties.grad.all()


def test_rounds_share_the_u_net():
    count = [sum(p.numel() for p in Unrolled(rounds=r).parameters()) for r in (1, 2)]
    assert count[1] - count[0] == 3


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match='dipole kernel'):
        trained()(dataclasses.replace(random_sample(), kernel=None))
    with pytest.raises(ValueError, match='rounds must be at least 1'):
        Unrolled(rounds=0)
    with pytest.raises(ValueError, match='voxel size'):
        trained(from_variation=True)(dataclasses.replace(random_sample(), voxel_size=None))
