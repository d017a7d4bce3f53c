import pytest
import torch

from qsmnet_bids.physics.csf import ventricles
from tests.simulated import coordinates

SHAPE, SIZE = (40, 40, 40), (2.0, 2.0, 2.0)


def head():
    offsets = coordinates(SHAPE, SIZE)
    brain = offsets.square().sum(0).sqrt() < 36
    ventricle = ((offsets[0].abs() - 8).square() + (offsets[1:] ** 2).sum(0)).sqrt() < 5
    sulcus = brain & (offsets.square().sum(0).sqrt() > 33)
    r2star = torch.where(ventricle | sulcus, 2.0, 18.0) * brain
    return brain, ventricle, r2star


def test_finds_the_ventricles_and_not_the_rim():
    brain, ventricle, r2star = head()
    assert torch.equal(ventricles(r2star, brain, SIZE), ventricle)


def test_keeps_what_hangs_together_with_the_middle():
    brain, ventricle, r2star = head()
    r2star[19:21, 19:21, 25] = 1.0  # a speck between small to count beside two ventricles
    r2star[2:4, 19:21, 19:21] = 1.0  # at the rim
    found = ventricles(r2star, brain, SIZE)
    assert (found & ventricle).sum() == ventricle.sum()
    assert not found[2:4].any()


def test_is_empty_where_nothing_is_slow():
    brain, _, r2star = head()
    assert not ventricles(r2star + 10, brain, SIZE).any()


def test_refuses_a_threshold_of_zero():
    brain, _, r2star = head()
    with pytest.raises(ValueError, match='must be positive'):
        ventricles(r2star, brain, SIZE, threshold=0.0)
