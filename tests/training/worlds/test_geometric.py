import dataclasses

import pytest
import torch

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.physics.dipole import forward_field
from training.worlds.background import ThesisBackground
from training.worlds.geometric import CHI_SD_PPM, Geometric, spread_of_objects

CPU = torch.device('cpu')
SMALL = Geometric(size=32, n_objects=30)


def make(source, step=0, size=2, seed=0):
    return source.batch(seed=seed, step=step, size=size, device=CPU)


def test_samples_do_not_depend_on_the_batch_that_they_come_in():
    small, large = make(SMALL, step=1, size=1), make(SMALL, step=0, size=2)
    assert torch.equal(small.label[0], large.label[1])
    assert torch.equal(small.sample.field[0], large.sample.field[1])
    assert not torch.equal(small.label, make(SMALL, step=1, size=1, seed=1).label)


def test_susceptibility_has_the_thesis_s_spread_and_the_field_is_its_own():
    batch = make(SMALL)
    spread = spread_of_objects(batch.label[:, 0])
    torch.testing.assert_close(spread, torch.full_like(spread, CHI_SD_PPM))
    for field, chi in zip(batch.sample.field[:, 0], batch.label[:, 0], strict=True):
        expected = forward_field(chi, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
        torch.testing.assert_close(field, expected, atol=1e-6, rtol=0)
    assert batch.sample.mask.min() == 1
    assert batch.sample.noise.max() == 0


def test_cylinders_are_added_before_the_scaling():
    without, with_cylinders = make(SMALL), make(Geometric(size=32, n_objects=30, n_cylinders=9))
    assert not torch.equal(without.label, with_cylinders.label)
    spread = spread_of_objects(with_cylinders.label[:, 0])
    torch.testing.assert_close(spread, torch.full_like(spread, CHI_SD_PPM))


def test_the_kernel_is_that_of_a_padded_volume():
    without, batch = make(SMALL), make(dataclasses.replace(SMALL, with_kernel=True))
    assert without.sample.kernel is None
    assert torch.equal(without.label, batch.label)
    sample = batch.sample
    assert torch.equal(sample.voxel_size, torch.ones(2, 3))
    found = convolve(batch.label, sample.kernel)
    # the copies of the world that lie around the padded one add little
    assert float((found - sample.field).norm() / sample.field.norm()) < 0.1
    assert sample.kernel.shape[1] > SMALL.size


def test_a_patched_world_has_a_ball_of_field_that_its_susceptibility_does_not_cause():
    plain, batch = make(SMALL, size=4), make(dataclasses.replace(SMALL, patched=1.0), size=4)
    assert torch.equal(plain.label, batch.label)
    patches = (batch.sample.field - plain.sample.field)[:, 0]
    # which signs are drawn follows from the seed
    assert {float(patch.sum().sign()) for patch in patches} == {-1.0, 1.0}
    for patch in patches:
        full = patch.abs() > 0.99 * patch.abs().max()
        assert 0.02 < float(patch.abs().max()) < 0.51
        assert 1 <= int(full.sum()) < 0.05 * patch.numel()
    some = make(dataclasses.replace(SMALL, patched=0.5), size=8)
    n_patched = (some.sample.field != make(SMALL, size=8).sample.field).flatten(1).any(1).sum()
    assert 0 < int(n_patched) < 8


def test_no_more_worlds_can_be_patched_than_there_are():
    with pytest.raises(ValueError, match=r'patched must be within 0 and 1, got 1\.5'):
        Geometric(patched=1.5)


def background(origin, task):
    return make(ThesisBackground(origin, task, size=48, n_objects=60, object_scale=0.6), size=2)


def test_the_offset_is_nine_ppm_in_the_region():
    total, dipole = background('offset', 'onestep'), background('offset', 'dipole')
    mask = dipole.sample.mask[0, 0]
    assert 0.03 < mask.mean() < 0.7
    expected = forward_field(-9 * mask, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0))
    difference = (total.sample.field - dipole.sample.field)[0, 0]
    torch.testing.assert_close(difference, mask * expected, atol=1e-4, rtol=0)


def test_labels_are_local_field_and_susceptibility_of_the_same_worlds():
    for origin in ('offset', 'external', 'stronger'):
        local, chi = background(origin, 'background'), background(origin, 'onestep')
        assert torch.equal(local.sample.field, chi.sample.field)
        own, mask = chi.label[0, 0], chi.sample.mask[0, 0]
        expected = forward_field(own, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0)) * mask
        torch.testing.assert_close(local.label[0, 0], expected, atol=1e-6, rtol=0)
        assert (own * (1 - mask)).abs().max() == 0


def test_stronger_sources_surround_a_smaller_region():
    mild, strong = (background(origin, 'background') for origin in ('external', 'stronger'))
    assert strong.sample.mask.mean() < mild.sample.mask.mean()
    rms = [
        ((one.sample.field - one.label).square().sum() / one.sample.mask.sum()).sqrt()
        for one in (mild, strong)
    ]
    assert rms[1] > 1.5 * rms[0] > 0
