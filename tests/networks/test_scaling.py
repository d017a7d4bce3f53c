import pytest
import torch

from qsmnet_bids.networks.scaling import divisor, mean_magnitude, spread
from tests.networks.samples import random_sample


def test_the_spread_is_the_standard_deviation_in_the_mask():
    sample = random_sample()
    for found, field, mask in zip(
        spread(sample.field, sample.mask), sample.field, sample.mask, strict=True
    ):
        assert float(found) == pytest.approx(float(field[mask > 0].std()), rel=1e-5)


def test_the_mean_magnitude_leaves_out_what_is_outside_the_mask():
    sample = random_sample()
    polluted = sample.field + 5 * (1 - sample.mask)
    for found, field, mask in zip(
        mean_magnitude(polluted, sample.mask), sample.field, sample.mask, strict=True
    ):
        assert float(found) == pytest.approx(float(field[mask > 0].abs().mean()), rel=1e-5)


@pytest.mark.parametrize('measure', [spread, mean_magnitude])
def test_an_empty_mask_has_no_scale(measure):
    field = torch.ones(1, 1, 4, 4, 4)
    assert float(measure(field, torch.zeros_like(field))) == 0
    assert float(divisor(measure(field, torch.zeros_like(field)))) == 1
