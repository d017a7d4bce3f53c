import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from tests.training.tiny import CPU, TINY
from training.batches import SOURCES, Batch
from training.validation import moved, validate, validation_set

RECIPE = dataclasses.replace(TINY, validation_samples=3)


class Answer(nn.Module):
    """Give what a function makes of the label."""

    def __init__(self, batches, answer):
        super().__init__()
        self.labels = iter([batch.label for batch in batches])
        self.answer = answer

    def forward(self, _):
        return self.answer(next(self.labels))


def figures(answer):
    batches = validation_set(RECIPE, CPU)
    return validate(Answer(batches, answer), batches).figures


def test_of_a_perfect_answer():
    found = figures(lambda label: label)
    for name in ('rmse', 'mae', 'intercept', 'rmse_sd', 'ssim_sd'):
        assert found[name] == pytest.approx(0, abs=1e-6), name
    assert (found['slope'], found['ssim']) == pytest.approx((1, 1))


def test_of_an_answer_with_a_known_error():
    found = figures(lambda label: 0.8 * label + 0.01)
    assert (found['slope'], found['intercept']) == pytest.approx((0.8, 0.01), rel=1e-4)
    rms = [
        (0.2 * batch.label - 0.01).square().mean().sqrt().item()
        for batch in validation_set(RECIPE, CPU)
    ]
    assert found['rmse'] == pytest.approx(np.mean(rms), rel=1e-4)
    assert found['rmse_sd'] == pytest.approx(np.std(rms), rel=1e-3)


def test_only_the_mask_counts():
    batches = validation_set(RECIPE, CPU)
    half = torch.zeros_like(batches[0].sample.mask)
    half[:, :, :8] = 1
    batches = [
        Batch(dataclasses.replace(batch.sample, mask=half), batch.label) for batch in batches
    ]
    wrong_outside = validate(Answer(batches, lambda label: label + 9 * (1 - half)), batches)
    assert wrong_outside.figures['rmse'] == pytest.approx(0, abs=1e-6)


def test_the_set_is_fixed_and_apart_from_the_training_samples():
    first, again = (validation_set(RECIPE, CPU) for _ in range(2))
    assert len(first) == 3
    assert all(torch.equal(one.label, two.label) for one, two in zip(first, again, strict=True))
    source = SOURCES['geometric'](size=16, n_objects=5)
    seen = source.batch(seed=RECIPE.seed, step=0, size=8, device=CPU).label
    assert not any(torch.equal(one.label[0], label) for one in first for label in seen)


def test_what_a_source_keeps_for_validation_is_used():
    arguments = {'source': 'worlds', 'world_size': 32, 'crop_size': 16, 'brains': 1.0}
    recipe = dataclasses.replace(TINY, validation_samples=1, data=arguments)
    found = validation_set(recipe, CPU)[0]
    expected = SOURCES['worlds'](
        world_size=32, crop_size=16, brains=1.0, split='validation'
    ).batch(seed=recipe.seed + 1_000_000, step=0, size=1, device=CPU)
    assert torch.equal(found.label, expected.label)


def test_pictures_of_all_widths_stand_below_each_other():
    batches = validation_set(RECIPE, CPU)
    small = moved(batches[0], CPU)
    crop = (slice(None), slice(None), slice(0, 8), slice(0, 8), slice(0, 8))
    sample = dataclasses.replace(
        small.sample,
        **{name: getattr(small.sample, name)[crop] for name in ('field', 'mask', 'noise')},
    )
    mixed = [batches[0], Batch(sample, small.label[crop])]
    assert validate(Answer(mixed, lambda label: label), mixed).picture.shape == (16 + 8, 4 * 16)
