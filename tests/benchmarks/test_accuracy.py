from dataclasses import replace

import pytest
import torch

from benchmarks.accuracy import add_noise
from benchmarks.errors import add_error
from qsmnet_bids.tensors import LocalField


def local_field(magnitude):
    mask = torch.ones_like(magnitude, dtype=torch.bool)
    nothing = torch.zeros_like(magnitude)
    return LocalField(
        nothing, nothing, mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), magnitude=magnitude
    )


def test_noise_goes_with_the_inverse_of_the_magnitude_and_may_be_told_in_part():
    magnitude = torch.ones(20, 20, 20)
    magnitude[10:] = 2.0
    magnitude[0] = 4.0
    honest = add_noise(local_field(magnitude), 0.004, 1)
    hidden = add_noise(local_field(magnitude), 0.004, 1, told=0.1)
    torch.testing.assert_close(hidden.field, honest.field)
    torch.testing.assert_close(hidden.noise, 0.1 * honest.noise)
    dark, bright = float(honest.field[1:10].std()), float(honest.field[10:].std())
    assert dark / bright == pytest.approx(2, rel=0.05)
    assert dark == pytest.approx(float(honest.noise[5, 0, 0]), rel=0.05)


def test_no_noise_leaves_the_field():
    field = local_field(torch.ones(4, 4, 4))
    assert add_noise(field, 0.0, 1) is field


def test_an_untold_error_is_as_strong_as_asked_and_as_smooth():
    field = local_field(torch.ones(24, 24, 24))
    generator = torch.Generator().manual_seed(0)
    field = replace(field, field=torch.randn(field.field.shape, generator=generator))
    neighbours = []
    for widths in ((0.0,), (0.0, 2.0), (2.0,)):
        wrong = add_error(field, 0.65, widths, 1)
        error = wrong.field - field.field
        assert float(error[field.mask].std()) == pytest.approx(
            0.65 * float(field.field[field.mask].std()), rel=1e-4
        )
        assert torch.equal(wrong.noise, field.noise)
        assert not error[~field.mask].any()
        neighbours.append(float((error[1:] * error[:-1]).mean() / error.square().mean()))
    assert neighbours[0] < 0.1 < neighbours[1] < neighbours[2]
    assert add_error(field, 0.0, (0.0,), 1) is field
