import dataclasses

import pytest
import torch

from qsmnet_bids.networks import refined
from qsmnet_bids.networks.closed_form import Task
from qsmnet_bids.networks.refined import LAYERS, Refined
from qsmnet_bids.physics.dipole import dipole_kernel
from qsmnet_bids.physics.peel import peeled
from tests.networks.samples import random_sample, scaled
from tests.simulated import simulate

TASKS: tuple[Task, ...] = ('dipole', 'background', 'onestep')
SHAPE = (32, 32, 32)
B0_DIR = (0.0, 0.6, 0.8)


def trained(task: Task, **options):
    """A small network whose last layer is not zero any more."""
    torch.manual_seed(0)
    network = Refined(task=task, features=2, depth=1, **options).eval()
    torch.nn.init.normal_(network.unet.head.weight, std=0.03)
    torch.nn.init.normal_(network.judge[-1].weight, std=0.03)
    return network


def head_sample(task: Task):
    head = simulate(shape=SHAPE, b0_dir=B0_DIR)
    kernel = dipole_kernel(SHAPE, (1.0, 1.0, 1.0), B0_DIR)[None]
    mask = head.brain.float()[None, None]
    sample = random_sample(SHAPE, n=1)
    field = (head.local if task == 'dipole' else head.total) * mask
    return head, dataclasses.replace(
        sample,
        field=field,
        mask=mask,
        noise=0 * mask,
        kernel=kernel,
        voxel_size=torch.ones(1, 3),
    )


@pytest.mark.parametrize('task', TASKS)
def test_the_output_is_proportional_to_field_and_noise(task):
    network, (_, sample) = trained(task), head_sample(task)
    sample = dataclasses.replace(sample, noise=0.01 * sample.mask)
    once = network(sample)
    assert once.shape == sample.field.shape
    assert not once[sample.mask == 0].any()
    assert torch.equal(network(scaled(sample, 8.0)), 8 * once)
    torch.testing.assert_close(network(scaled(sample, 1000.0)), 1000 * once, rtol=1e-3, atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize('task', ['dipole', 'onestep'])
def test_its_start_is_near_the_truth_whether_or_not_there_is_a_background(task):
    head, sample = head_sample(task)
    inside = peeled(head.brain, LAYERS)
    chi = Refined(task=task, features=2, depth=1)(sample)[0, 0][inside]
    truth = head.chi[inside]
    correlation = torch.corrcoef(torch.stack([chi, truth]))[0, 1]
    assert float(correlation) > 0.9


@torch.no_grad()
def test_its_start_removes_background_better_than_the_boundary_value_problem_alone():
    head, sample = head_sample('background')
    inside = peeled(head.brain, LAYERS)
    local = Refined(task='background', features=2, depth=1).eval()(sample)[0, 0]
    network = Refined(task='background', features=2, depth=1).eval()
    found = {}
    network.unet.register_forward_pre_hook(lambda _, given: found.update(seen=given[0]))
    network(sample)
    # the last two channels are both parts of what the boundary value problem leaves
    left, outer = found['seen'][0, -2], found['seen'][0, -1].sinh()
    alone = (left + outer)[inside]
    truth = head.local[inside]
    unit = (alone @ truth) / (alone @ alone)
    assert float((local[inside] - truth).norm()) < 0.8 * float((unit * alone - truth).norm())


@pytest.mark.parametrize('task', ['background', 'onestep'])
def test_a_background_of_sources_outside_the_mask_changes_little(task):
    head, sample = head_sample(task)
    far = torch.zeros(1, 1, *SHAPE)
    far[..., 0:3, 12:20, 12:20] = 9.0
    field = torch.fft.irfftn(torch.fft.rfftn(far[0, 0]) * sample.kernel[0], s=SHAPE)
    more = dataclasses.replace(sample, field=sample.field + field * sample.mask)
    network = trained(task)
    with torch.no_grad():
        once, again = network(sample), network(more)
    change = float((again - once).norm() / once.norm())
    assert change < 0.1
    assert float(field[head.brain].norm()) > 0.3 * float(head.local[head.brain].norm())


@torch.no_grad()
def test_noise_that_nobody_told_of_is_found_out(monkeypatch):
    head, sample = head_sample('dipole')
    generator = torch.Generator().manual_seed(0)
    deviation = float(head.local[head.brain].std())
    noise = deviation * torch.randn(sample.field.shape, generator=generator)
    sample = dataclasses.replace(sample, field=(sample.field + noise) * sample.mask)
    told = dataclasses.replace(sample, noise=deviation * sample.mask)
    network = Refined(features=2, depth=1).eval()

    def error(given):
        found = network(given)[0, 0][head.brain]
        return float((found - found.mean() - head.chi[head.brain]).norm())

    honest, doubted = error(told), error(sample)
    monkeypatch.setattr(refined, 'unexplained_shares', lambda field, *_: field.new_zeros(1, 3))
    trusted = error(sample)
    assert doubted < 1.15 * honest
    assert doubted < 0.8 * trusted


@pytest.mark.parametrize('task', TASKS)
def test_every_weight_gets_a_gradient(task):
    network, (_, sample) = trained(task), head_sample(task)
    sample = dataclasses.replace(sample, noise=0.01 * sample.mask)
    network(sample).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    assert network.judge[0].weight.grad.any()
    assert network.step.grad
    assert network.penalty.grad.all()


def test_samples_of_a_batch_do_not_see_each_other():
    network, (_, sample) = trained('onestep'), head_sample('onestep')
    other = scaled(sample, 3.0)
    both = {
        one.name: torch.cat([getattr(sample, one.name), getattr(other, one.name)])
        for one in dataclasses.fields(sample)
        if getattr(sample, one.name) is not None
    }
    with torch.no_grad():
        pair = network(dataclasses.replace(sample, **both))
        torch.testing.assert_close(pair[1:], network(other), rtol=1e-3, atol=1e-4)


def test_what_is_missing_is_named():
    _, sample = head_sample('dipole')
    with pytest.raises(ValueError, match='dipole kernel'):
        trained('dipole')(dataclasses.replace(sample, kernel=None))
    with pytest.raises(ValueError, match='voxel size'):
        trained('dipole')(dataclasses.replace(sample, voxel_size=None))
    thin = dataclasses.replace(sample, mask=sample.mask * 0)
    with pytest.raises(ValueError, match='too thin'):
        trained('onestep')(thin)
