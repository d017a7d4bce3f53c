import dataclasses
import inspect

import torch

from qsmnet_bids.background.harmonics import harmonics
from qsmnet_bids.background.harmonics_vsharp import harmonics_vsharp
from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL = (30, 30, 30), (1.0, 1.0, 1.0)


def test_it_is_one_after_the_other(generator):
    mask = coordinates(SHAPE, VOXEL).square().sum(0).sqrt() < 12
    field = torch.randn(SHAPE, generator=generator)
    total = TotalField(field, torch.zeros(SHAPE), mask, VOXEL, (0.0, 0.0, 1.0))

    chained = harmonics_vsharp(total, order=2, max_radius=6.0, min_radius=2.0, threshold=0.1)

    rest = dataclasses.replace(total, field=harmonics(total, order=2).field)
    expected = vsharp(rest, max_radius=6.0, min_radius=2.0, threshold=0.1)
    assert torch.equal(chained.field, expected.field)
    assert torch.equal(chained.mask, expected.mask)


def test_it_has_the_parameters_of_both_with_their_defaults():
    def options(method):
        return {
            name: argument.default
            for name, argument in inspect.signature(method).parameters.items()
            if argument.kind is argument.KEYWORD_ONLY
        }

    assert options(harmonics_vsharp) == options(harmonics) | options(vsharp)
