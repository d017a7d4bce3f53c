import functools
import inspect
import math

import pytest
import torch

from qsmnet_bids.unwrapping import METHODS
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.laplacian import laplacian
from tests.simulated import coordinates

SHAPE = (30, 36, 24)


def smooth_phase(voxel_size):
    offsets = coordinates(SHAPE, voxel_size) / 9
    return 16 * torch.exp(-offsets.square().sum(0)) + 5 * offsets[0] - 7


def wrap(phase):
    return torch.remainder(phase + math.pi, 2 * math.pi) - math.pi


def shell(voxel_size):
    distance = coordinates(SHAPE, voxel_size).square().sum(0).sqrt()
    return (distance < 11.5) & (distance > 4)


EXACT = {'best_path': best_path, 'laplacian': functools.partial(laplacian, exact=True)}


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        phase, mask, *options = inspect.signature(method).parameters.values()
        assert (phase.name, mask.name) == ('phase', 'mask')
        assert all(o.kind is o.KEYWORD_ONLY for o in (mask, *options))
        assert METHODS[method.__name__] is method

    def test_zero_outside_finite_inside_and_the_input_left_alone(self, method, generator):
        phase = 2 * math.pi * (torch.rand(SHAPE, generator=generator) - 0.5)
        before = phase.clone()
        mask = shell((1.0, 1.0, 1.0))
        unwrapped = method(phase, mask=mask)
        assert unwrapped.dtype == torch.float32
        assert torch.isfinite(unwrapped).all()
        assert not unwrapped[~mask].any()
        assert torch.equal(phase, before)
        assert torch.equal(method(phase, mask=mask), unwrapped)

    def test_recovers_a_smooth_phase_in_a_full_box(self, method):
        phase = smooth_phase((1.0, 1.0, 1.0))
        unwrapped = method(wrap(phase), mask=torch.ones(SHAPE, dtype=torch.bool))
        error = unwrapped - phase
        assert float(error.max() - error.min()) < 1e-3
        assert -math.pi <= float(unwrapped.median()) <= math.pi

    def test_an_empty_mask_is_refused(self, method):
        with pytest.raises(ValueError, match='empty'):
            method(torch.zeros(SHAPE), mask=torch.zeros(SHAPE, dtype=torch.bool))


@pytest.mark.parametrize('unwrap', EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 1.5)])
def test_exact_multiples_of_two_pi_in_a_mask_with_a_hole(unwrap, voxel_size):
    phase, mask = smooth_phase(voxel_size), shell(voxel_size)
    wrapped = wrap(phase)

    unwrapped = unwrap(wrapped, mask=mask, voxel_size=voxel_size)

    turns = ((unwrapped - wrapped) / (2 * math.pi))[mask]
    assert torch.allclose(turns, turns.round(), atol=1e-5)
    assert turns.round().unique().numel() > 2
    error = ((unwrapped - phase) / (2 * math.pi))[mask]
    assert float(error.max() - error.min()) < 1e-4


def test_the_laplacian_solution_errs_by_a_harmonic_function_and_scales_with_time():
    phase, mask = smooth_phase((1.0, 1.0, 1.0)) / 4, shell((1.0, 1.0, 1.0))
    once = laplacian(wrap(phase), mask=mask)
    twice = laplacian(wrap(2 * phase), mask=mask)
    difference = (twice - 2 * once)[mask]
    assert float(difference.max() - difference.min()) < 1e-3

    error = once - phase
    deep = mask.clone()
    for axis in range(3):
        deep &= torch.roll(mask, 1, axis) & torch.roll(mask, -1, axis)
    bend = sum(torch.roll(error, 1, a) + torch.roll(error, -1, a) - 2 * error for a in range(3))
    assert float(bend[deep].abs().max()) < 1e-3
