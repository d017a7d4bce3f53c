import dataclasses
import statistics

import pytest
import torch

from training.worlds.dice import Dice
from training.worlds.field import periodic_field
from training.worlds.noise import smooth
from training.worlds.periodic import Worlds

CPU = torch.device('cpu')
CLEAN = Worlds(
    world_size=32, crop_size=0, noise=0.0, residual=0.0, model_error=0.0, patch=0.0, brains=0.5
)
DIRTY = dataclasses.replace(
    CLEAN,
    noise=1.0,
    residual=0.6,
    model_error=0.5,
    patch=5.0,
    with_inverse=True,
    with_magnitude=True,
)


def make(source, step=0, size=3, seed=0):
    return source.batch(seed=seed, step=step, size=size, device=CPU)


def tensors(batch):
    parts = dataclasses.asdict(batch.sample) | {'label': batch.label}
    return {name: part for name, part in parts.items() if part is not None}


def test_seed_and_step_decide_everything():
    first, again, other = make(DIRTY), make(DIRTY), make(DIRTY, step=1)
    for name, part in tensors(first).items():
        assert torch.equal(part, tensors(again)[name]), name
    assert not torch.equal(first.label, other.label)


def test_a_clean_world_s_field_is_its_kernel_times_its_label():
    batch = make(CLEAN, size=4)
    field = periodic_field(batch.label[:, 0], batch.sample.kernel) * batch.sample.mask[:, 0]
    torch.testing.assert_close(batch.sample.field[:, 0], field, atol=1e-6, rtol=0)


def test_voxels_that_average_have_a_field_that_their_map_explains_but_for_a_part():
    batch = make(dataclasses.replace(CLEAN, finer=2), size=4)
    mask = batch.sample.mask
    assert mask.shape == (4, 1, 32, 32, 32)
    assert ((mask == 0) | (mask == 1)).all()
    own = periodic_field(batch.label[:, 0], batch.sample.kernel)[:, None] * mask
    parts = (batch.sample.field - own).square().sum((1, 2, 3, 4)) / own.square().sum((1, 2, 3, 4))
    assert (parts > 1e-6).all()
    assert parts.median() < 0.1


@pytest.mark.parametrize('task', ['background', 'onestep'])
def test_total_field_and_labels_of_a_task_belong_together(task):
    total = make(dataclasses.replace(CLEAN, task=task), size=2)
    chi = make(CLEAN, size=2).label
    local = periodic_field(chi[:, 0], total.sample.kernel)[:, None] * total.sample.mask
    torch.testing.assert_close(total.label, local if task == 'background' else chi)
    background = total.sample.field - local
    assert background.std() > 0.01


def test_background_is_harmonic_deep_in_the_mask():
    source = dataclasses.replace(CLEAN, anisotropy=1.0, world_size=48, task='background')
    total = make(source, size=6)
    ratios = []
    for field, mask in zip(
        (total.sample.field - total.label)[:, 0], total.sample.mask[:, 0] > 0, strict=True
    ):
        deep = mask
        for axis in (0, 1, 2) * 4:
            deep = deep & deep.roll(1, axis) & deep.roll(-1, axis)
        laplacian = sum(field.roll(s, d) for d in (0, 1, 2) for s in (1, -1)) - 6 * field
        if not mask.all() and deep.any():
            ratios.append((laplacian[deep].square().mean().sqrt() / field[mask].std()).item())
    assert len(ratios) >= 3
    assert statistics.median(ratios) < 0.03
    # a noise as strong would have 6.5
    assert max(ratios) < 0.2


def test_noise_is_as_strong_as_it_is_said_to_be():
    quiet = make(CLEAN, size=6)
    noisy = make(dataclasses.replace(CLEAN, noise=1.0), size=6)
    # the same worlds: what the noise draws comes after all else
    assert torch.equal(noisy.sample.mask, quiet.sample.mask)
    z = []
    for clean, field, noise in zip(
        quiet.sample.field, noisy.sample.field, noisy.sample.noise, strict=True
    ):
        known = noise > 0
        if known.any():
            z.append(((field - clean)[known] / noise[known]).square().mean().sqrt())
    assert len(z) >= 4
    torch.testing.assert_close(torch.stack(z), torch.ones(len(z)), atol=0.05, rtol=0)
    assert (noisy.sample.noise * (1 - noisy.sample.mask)).abs().max() == 0


def test_some_noise_is_misjudged_and_the_fields_stay():
    honest = make(dataclasses.replace(CLEAN, noise=1.0), size=24)
    wrong = make(dataclasses.replace(CLEAN, noise=1.0, misjudged=0.5), size=24)
    assert torch.equal(wrong.sample.field, honest.sample.field)
    assert torch.equal(wrong.label, honest.label)
    ratios, kinds = [], set()
    for said, true, mask in zip(
        wrong.sample.noise, honest.sample.noise, honest.sample.mask > 0, strict=True
    ):
        assert (said[~mask] == 0).all()
        if not true.any():
            continue
        if torch.equal(said, true):
            kinds.add('honest')
        elif not said.any():
            kinds.add('none')
        elif said[mask].std() < 1e-5 * said[mask].mean():
            kinds.add('even')
        else:
            kinds.add('off')
            ratios.append((said[mask] / true[mask]).double())
    assert kinds == {'honest', 'none', 'even', 'off'}
    for ratio in ratios:
        assert ratio.std() < 1e-5 * ratio.mean()
        assert 0.25 <= ratio.mean() <= 4


def test_labels_are_referenced_and_zero_outside_the_mask():
    batch = make(DIRTY)
    mask = batch.sample.mask
    assert ((batch.label * (1 - mask)).abs().max()) == 0
    assert (batch.label.sum((1, 2, 3, 4)) / mask.sum((1, 2, 3, 4))).abs().max() < 1e-5


def test_crops_are_cut_alike_out_of_all_volumes():
    cropped = dataclasses.replace(DIRTY, crop_size=16, crops_per_world=2, with_inverse=True)
    whole = make(DIRTY, size=2)
    crops = make(cropped, size=3)
    assert crops.sample.kernel is None
    assert crops.label.shape == (3, 1, 16, 16, 16)
    windows = whole.label[0, 0].unfold(0, 16, 1).unfold(1, 16, 1).unfold(2, 16, 1)
    found = (windows == crops.label[0, 0]).all(-1).all(-1).all(-1).nonzero()
    assert len(found) == 1
    x, y, z = (slice(int(low), int(low) + 16) for low in found[0])
    for name in ('field', 'mask', 'noise', 'inverse', 'magnitude'):
        own, all_of_it = getattr(crops.sample, name)[0], getattr(whole.sample, name)[0]
        torch.testing.assert_close(own, all_of_it[:, x, y, z])


@pytest.mark.parametrize('task', ['dipole', 'background', 'onestep'])
def test_worlds_are_finite_and_within_reason_over_many_seeds(task):
    source = dataclasses.replace(DIRTY, task=task, world_size=24)
    for seed in range(12):
        batch = make(source, seed=seed, size=4)
        for name, part in tensors(batch).items():
            assert torch.isfinite(part).all(), (seed, name)
        share = batch.sample.mask.mean((1, 2, 3, 4))
        assert share.min() > 0.01
        assert batch.label.abs().max() < 5
        assert set(batch.sample.mask.unique().tolist()) <= {0.0, 1.0}
        assert ((batch.sample.field * (1 - batch.sample.mask)).abs().max()) == 0


def test_validation_has_ranges_of_its_own():
    draws = {}
    for split in ('training', 'validation'):
        dice = Dice.of(0, 0, device=CPU, split=split)
        draws[split] = dice.apart(5000, 10, 20)
    held_out = (draws['validation'] >= 14) & (draws['validation'] <= 16)
    assert held_out.all()
    assert not ((draws['training'] > 14) & (draws['training'] < 16)).any()
    assert draws['training'].min() < 10.1
    assert draws['training'].max() > 19.9


@pytest.mark.parametrize('spacing', [1.0, 3.0, 9.0])
def test_smooth_noise_has_unit_variance_and_its_length(spacing):
    dice = Dice.of(3, 0, device=CPU, split='training')
    volume = smooth(dice, 60, (24, 24, 24), spacing)
    assert volume.mean().item() == pytest.approx(0, abs=0.1)
    assert volume.std().item() == pytest.approx(1, abs=0.08)
    # cubic B-splines: neighbours one spacing apart are correlated by 0.5
    lag = round(spacing)
    correlation = (volume[:, lag:] * volume[:, :-lag]).mean()
    assert correlation.item() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(
    ('name', 'value'),
    [('crop_size', 33), ('crops_per_world', 0), ('brains', 1.5), ('anisotropy', 0.5)],
)
def test_bad_values_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(CLEAN, **{name: value})


def test_background_removal_takes_along_what_is_harmonic_in_the_mask():
    plain = make(CLEAN, size=4)
    batch = make(dataclasses.replace(CLEAN, removed=1.0), size=4)
    before, after = plain.sample.mask[:, 0], batch.sample.mask[:, 0]
    assert (after <= before).all()
    n_changed = 0
    for world, kernel in enumerate(batch.sample.kernel):
        inside = after[world] > 0
        if torch.equal(after[world], before[world]):
            continue  # too little would have been left
        n_changed += 1
        assert abs(float(batch.label[world, 0][inside].mean())) < 1e-5
        field = periodic_field(batch.label[world], kernel[None])[0]
        lost = (batch.sample.field[world, 0] - plain.sample.field[world, 0])[inside]
        assert 0.05 < float(lost.norm() / field[inside].norm()) < 3
    assert n_changed >= 2
    assert not batch.sample.field[batch.sample.mask == 0].any()
    assert not batch.label[batch.sample.mask == 0].any()


def test_background_is_removed_from_some_worlds_only():
    plain, batch = make(DIRTY, size=8), make(dataclasses.replace(DIRTY, removed=0.5), size=8)
    changed = (plain.sample.mask != batch.sample.mask).flatten(1).any(dim=1)
    assert 1 <= int(changed.sum()) <= 7
    same = ~changed
    assert torch.equal(plain.sample.mask[same], batch.sample.mask[same])
