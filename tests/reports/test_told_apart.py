"""One good phantom and four bad ones, told apart by the warnings of their reports."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import simulate
from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.quality import echo_measures, quality_measures
from qsmnet_bids.reports.judgement import LIMITS, quality_warnings

pytestmark = pytest.mark.slow

SEED = 3


@pytest.fixture(scope='module')
def head():
    phantom = brain_phantom(voxel_size=(3.0, 3.0, 3.0), seed=SEED)
    return simulate(phantom, seed=SEED).echoes, phantom.mask


def good(echoes, mask):
    return echoes, mask


def motion(echoes, mask):
    """Some groups of phase-encoding lines were taken with the head moved by 2 mm."""
    n = echoes.magnitude.shape[2]
    frequency = torch.fft.fftfreq(n)
    groups = (torch.arange(n) // 4 % 4 == 1).float()
    turn = torch.polar(torch.ones(n), -2 * math.pi * frequency * (2 / 3) * groups)
    signal = torch.polar(echoes.magnitude, echoes.phase)
    moved = torch.fft.ifft(torch.fft.fft(signal, dim=2) * turn.view(1, 1, -1, 1), dim=2)
    return replace(echoes, magnitude=moved.abs(), phase=moved.angle()), mask


def wrong_unit(echoes, mask):
    return replace(echoes, echo_times=tuple(10 * time for time in echoes.echo_times)), mask


def cut(echoes, mask):
    """The lowest third of the head lies outside the image."""
    low = mask.shape[2] // 3
    inside = (..., slice(low, None))
    return (
        replace(echoes, magnitude=echoes.magnitude[inside], phase=echoes.phase[inside]),
        mask[inside],
    )


def flow(echoes, mask):
    """Patches of phase that grows with the square of the echo time, up to 2.5 rad."""
    dice = np.random.default_rng(SEED)
    places = torch.nonzero(mask)
    index = torch.stack(torch.meshgrid(*(torch.arange(n) for n in mask.shape), indexing='ij'), -1)
    patches = torch.zeros(mask.shape)
    for place in places[dice.choice(len(places), 12, replace=False)]:
        patches += torch.exp(-(index - place).square().sum(-1) / (2 * 1.0**2))
    growth = torch.tensor([(time / echoes.echo_times[-1]) ** 2 for time in echoes.echo_times])
    turned = echoes.phase + 2.5 * growth.view(-1, 1, 1, 1) * patches.clamp(max=1)
    return replace(echoes, phase=torch.remainder(turned + math.pi, 2 * math.pi) - math.pi), mask


TOLD_BY = {
    good: set(),
    motion: {'snr'},
    wrong_unit: {'r2star_median'},
    cut: {'mask_border_fraction'},
    flow: {'echo_misfit_fraction'},
}


@pytest.mark.parametrize('spoil', TOLD_BY, ids=lambda spoil: spoil.__name__)
def test_each_fault_has_its_own_warning(head, spoil):
    echoes, mask = spoil(*head)
    found = reconstruct(echoes, mask=mask)
    measures = echo_measures(echoes, total=found.total, relaxation=found.relaxation)
    measures |= quality_measures(found.chi, local=found.local)
    warned = {limit.key for limit in LIMITS if quality_warnings({limit.key: measures[limit.key]})}
    assert warned == TOLD_BY[spoil], {key: measures[key] for key in warned | TOLD_BY[spoil]}
