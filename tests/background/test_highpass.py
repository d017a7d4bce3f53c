import math

import pytest
import torch

from qsmnet_bids.background.highpass import highpass
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL, B0_DIR = (64, 16, 12), (1.0, 1.0, 2.0), (0.0, 0.0, 1.0)


def as_total(field):
    return TotalField(
        field, torch.zeros(SHAPE), torch.ones(SHAPE, dtype=torch.bool), VOXEL, B0_DIR
    )


@pytest.mark.parametrize('wavelength', [8.0, 16.0])
def test_a_wave_is_filtered_by_the_gaussian_of_its_frequency(wavelength):
    x = coordinates(SHAPE, VOXEL)[0]
    field = torch.cos(2 * math.pi * x / wavelength)
    middle = slice(20, 44)
    local = highpass(as_total(field), sigma=2.5).field
    expected = 1 - math.exp(-2 * (math.pi * 2.5 / wavelength) ** 2)
    assert torch.allclose(local[middle], expected * field[middle], atol=2e-3)


def test_a_constant_is_removed_up_to_the_border():
    assert float(highpass(as_total(torch.full(SHAPE, 3.0))).field.abs().max()) < 1e-4


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match='sigma'):
        highpass(as_total(torch.zeros(SHAPE)), sigma=0.0)
