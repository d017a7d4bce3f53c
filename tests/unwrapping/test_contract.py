import dataclasses
import functools
import inspect
import math

import pytest
import torch

from qsmnet_bids.tensors import MultiEcho
from qsmnet_bids.unwrapping import METHODS, Unwrapping
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.laplacian import laplacian
from qsmnet_bids.unwrapping.romeo import romeo
from tests.simulated import coordinates

SHAPE = (30, 36, 24)
TIMES = (0.004, 0.01, 0.018)


def smooth_phase(voxel_size=(1.0, 1.0, 1.0)):
    offsets = coordinates(SHAPE, voxel_size) / 9
    return 16 * torch.exp(-offsets.square().sum(0)) + 5 * offsets[0] - 7


def acquisition(phase, *, times=TIMES, voxel_size=(1.0, 1.0, 1.0)):
    """Echoes in which a phase, that of the first, grows with time."""
    echoes = torch.stack([wrap(phase * time / times[0]) for time in times])
    return MultiEcho(torch.ones_like(echoes), echoes, times, 3.0, (0.0, 0.0, 1.0), voxel_size)


def wrap(phase):
    return torch.remainder(phase + math.pi, 2 * math.pi) - math.pi


def shell(voxel_size=(1.0, 1.0, 1.0)):
    distance = coordinates(SHAPE, voxel_size).square().sum(0).sqrt()
    return (distance < 11.5) & (distance > 4)


EXACT = {
    'best_path': best_path,
    'laplacian': functools.partial(laplacian, exact=True),
    'romeo': romeo,
}
ALONE = {f'{name} alone': functools.partial(m, follow=False) for name, m in EXACT.items()}


def test_the_names_for_signatures_are_those_of_the_methods():
    assert set(Unwrapping.__args__) == set(METHODS)


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        echoes, mask, *options = inspect.signature(method).parameters.values()
        assert (echoes.name, mask.name) == ('echoes', 'mask')
        assert all(o.kind is o.KEYWORD_ONLY for o in (mask, *options))
        assert METHODS[method.__name__] is method

    def test_zero_outside_finite_inside_and_the_input_left_alone(self, method, generator):
        phase = 2 * math.pi * (torch.rand((3, *SHAPE), generator=generator) - 0.5)
        echoes = dataclasses.replace(acquisition(phase[0]), phase=phase)
        before = phase.clone()
        unwrapped = method(echoes, mask=shell())
        assert unwrapped.dtype == torch.float32
        assert unwrapped.shape == phase.shape
        assert torch.isfinite(unwrapped).all()
        assert not unwrapped[:, ~shell()].any()
        assert torch.equal(phase, before)
        assert torch.equal(method(echoes, mask=shell()), unwrapped)

    def test_recovers_a_smooth_phase_in_a_full_box(self, method):
        phase = smooth_phase() / 3
        unwrapped = method(acquisition(phase), mask=torch.ones(SHAPE, dtype=torch.bool))
        for found, time in zip(unwrapped, TIMES, strict=True):
            error = found - phase * time / TIMES[0]
            assert float(error.max() - error.min()) < 2e-3
        assert -math.pi <= float(unwrapped[0].median()) <= math.pi

    def test_a_single_echo(self, method):
        phase = smooth_phase()
        everywhere = torch.ones(SHAPE, dtype=torch.bool)
        unwrapped = method(acquisition(phase, times=(0.01,)), mask=everywhere)
        assert float((unwrapped[0] - phase).max() - (unwrapped[0] - phase).min()) < 1e-3

    def test_voxels_without_signal_are_no_harm(self, method):
        echoes = acquisition(smooth_phase() / 3)
        echoes.phase[:, 15, 18, 2] = echoes.magnitude[:, 15, 18, 2] = 0
        unwrapped = method(echoes, mask=shell())
        assert torch.isfinite(unwrapped).all()

    def test_an_empty_mask_is_refused(self, method):
        with pytest.raises(ValueError, match='empty'):
            method(acquisition(torch.zeros(SHAPE)), mask=torch.zeros(SHAPE, dtype=torch.bool))


@pytest.mark.parametrize('unwrap', [*EXACT.values(), *ALONE.values()], ids=[*EXACT, *ALONE])
@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.8, 0.8, 1.5)])
def test_exact_multiples_of_two_pi_in_a_mask_with_a_hole(unwrap, voxel_size):
    phase, mask = smooth_phase(voxel_size) / 2, shell(voxel_size)
    echoes = acquisition(phase, times=TIMES[:2], voxel_size=voxel_size)

    unwrapped = unwrap(echoes, mask=mask)

    turns = ((unwrapped - echoes.phase) / (2 * math.pi))[:, mask]
    assert torch.allclose(turns, turns.round(), atol=1e-5)
    assert turns.round().unique().numel() > 2
    for found, time in zip(unwrapped, TIMES, strict=False):
        error = ((found - phase * time / TIMES[0]) / (2 * math.pi))[mask]
        assert float(error.max() - error.min()) < 1e-4


@pytest.mark.parametrize('unwrap', EXACT.values(), ids=EXACT.keys())
def test_each_part_of_the_mask_is_brought_to_its_own_median(unwrap):
    phase = torch.zeros(SHAPE)
    phase[:10] = 3.0 + 0.4 * torch.arange(10).view(10, 1, 1)
    phase[15:] = -20.0
    mask = torch.ones(SHAPE, dtype=torch.bool)
    mask[10:15] = False

    unwrapped = unwrap(acquisition(phase, times=(0.01,)), mask=mask)[0]

    assert torch.allclose(unwrapped[15:], wrap(torch.tensor(-20.0)), atol=1e-5)
    error = (unwrapped - phase)[:10]
    assert torch.allclose(error, torch.tensor(-2 * math.pi), atol=1e-4)


def test_the_laplacian_solution_errs_by_a_harmonic_function_and_scales_with_time():
    phase, mask = smooth_phase() / 4, shell()
    once, twice = laplacian(acquisition(phase, times=(0.01, 0.02)), mask=mask)
    difference = (twice - 2 * once)[mask]
    assert float(difference.max() - difference.min()) < 1e-3

    error = once - phase
    deep = mask.clone()
    for axis in range(3):
        deep &= torch.roll(mask, 1, axis) & torch.roll(mask, -1, axis)
    bend = sum(torch.roll(error, 1, a) + torch.roll(error, -1, a) - 2 * error for a in range(3))
    assert float(bend[deep].abs().max()) < 1e-3
