import math

import pytest
import torch

from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.physics.dipole import convolve, dipole_kernel
from training.losses import LOSSES, weighted_loss

SHAPE = (2, 1, 6, 5, 4)


@pytest.fixture
def label(generator):
    return torch.randn(SHAPE, generator=generator)


@pytest.fixture
def sample(generator, label):
    mask = (torch.rand(SHAPE, generator=generator) < 0.7).float()
    return Sample(label * mask, mask, torch.zeros_like(mask))


def loss(name, output, label, sample):
    return LOSSES[name](output, label, sample).item()


@pytest.mark.parametrize('shift', [0.5, -0.5])
def test_of_a_constant_error(label, sample, shift):
    assert loss('mse', label + shift, label, sample) == pytest.approx(0.25)
    assert loss('mae', label + shift, label, sample) == pytest.approx(0.5)
    # a shift leaves all gradients as they are
    assert loss('gradient_difference', label + shift, label, sample) == pytest.approx(0, abs=1e-6)


def test_relative_error_is_that_of_each_sample(label, sample):
    assert loss('relative_l1', 1.25 * label, label, sample) == pytest.approx(0.25)
    factors = torch.tensor([1.0, 1000.0]).view(2, 1, 1, 1, 1)
    output = torch.tensor([1.5, 1.1]).view(2, 1, 1, 1, 1) * factors * label
    assert loss('relative_l1', output, factors * label, sample) == pytest.approx(0.3)


def test_a_tenth_less_error_is_worth_the_same_in_easy_and_in_hard_samples(label, sample):
    def of(*errors):
        factors = torch.tensor(errors).view(2, 1, 1, 1, 1)
        return loss('log_relative_l1', (1 + factors) * label, label, sample)

    start = of(0.5, 5.0)
    assert of(0.45, 5.0) - start == pytest.approx(math.log(0.9) / 2, rel=0.05)
    assert of(0.5, 4.5) - start == pytest.approx(math.log(0.9) / 2, rel=0.05)


def test_a_label_of_zero_does_not_divide_by_zero(sample):
    assert loss('relative_l1', torch.ones(SHAPE), torch.zeros(SHAPE), sample) == 0


@pytest.mark.parametrize('axis', [2, 3, 4])
def test_the_gradients_of_a_ramp(axis):
    """A ramp of 0.3 against one of 0.1 per voxel, on each axis; the sign does not count."""
    full = torch.ones(SHAPE)
    n = SHAPE[axis]
    ramp = torch.arange(n).view([n if one == axis else 1 for one in range(5)]) * full
    sample = Sample(full, full, full)
    assert loss('gradient_difference', -0.3 * ramp, 0.1 * ramp, sample) == pytest.approx(0.2)


def test_gradients_across_the_border_of_the_mask_do_not_count():
    mask = torch.ones(SHAPE)
    mask[:, :, :3] = 0
    sample = Sample(mask, mask, mask)
    # a step at the border alone
    assert loss('gradient_difference', mask, torch.zeros(SHAPE), sample) == 0
    assert loss('gradient_difference', 1 - mask, torch.zeros(SHAPE), sample) == 0


def test_all_losses_ignore_what_is_outside_the_mask(label, sample):
    outside = torch.where(sample.mask > 0, 0.0, 100.0)
    for name in sorted(set(LOSSES) - {'dipole_consistency'}):
        none = loss(name, label, label, sample)
        assert loss(name, label + outside, label, sample) == pytest.approx(none), name


def test_consistency_is_the_field_of_the_error(generator):
    shape = (8, 6, 4)
    kernels = [
        dipole_kernel(shape, (1.0, 1.0, 2.0), direction)
        for direction in ((0.0, 0.0, 1.0), (1.0, 0.0, 1.0))
    ]
    label, error = (torch.randn(2, 1, *shape, generator=generator) for _ in range(2))
    full = torch.ones_like(label)
    sample = Sample(full, full, full, kernel=torch.stack(kernels))
    fields = [convolve(error[index, 0], kernels[index]).abs().mean() for index in range(2)]
    expected = torch.stack(fields).mean().item()
    assert loss('dipole_consistency', label + error, label, sample) == pytest.approx(expected)


def test_consistency_needs_a_kernel(label, sample):
    with pytest.raises(ValueError, match='kernel'):
        loss('dipole_consistency', label, label, sample)


def test_each_sample_weighs_the_same_whatever_its_mask():
    """So processes that take two samples each agree with one that takes four."""
    mask = torch.ones(SHAPE)
    mask[0, :, 1:] = 0
    error = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1, 1) * torch.ones(SHAPE)
    assert loss('mae', error, 0 * error, Sample(mask, mask, mask)) == pytest.approx(2.0)


def test_weights_add_up(label, sample):
    weights = {'mae': 2.0, 'mse': 0.5}
    found = weighted_loss(label + 1, label, sample, weights=weights).item()
    assert found == pytest.approx(2.5)


def test_gradients_flow_from_all_losses(label, sample):
    kernel = dipole_kernel((6, 5, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)).expand(2, -1, -1, -1)
    given = Sample(sample.field, sample.mask, sample.noise, kernel=kernel)
    for name in LOSSES:
        output = (2 * label).requires_grad_()
        torch.autograd.backward(LOSSES[name](output, label, given))
        assert output.grad.isfinite().all(), name
        assert output.grad.any(), name
