import pytest
import torch

from qsmnet_bids.physics.gradient import divergence, gradient, gradient_power, steepness

SIZE = (0.8, 1.0, 2.5)


def test_a_ramp_has_its_slope_and_none_at_the_border():
    ramp = 3.0 * SIZE[2] * torch.arange(6.0).expand(4, 5, 6)

    slopes = gradient(ramp, SIZE)

    assert torch.allclose(slopes[2, :, :, :-1], torch.tensor(3.0))
    assert not slopes[2, :, :, -1].any()
    assert not slopes[:2].any()


def test_divergence_is_the_negative_adjoint(generator):
    volume = torch.randn(7, 6, 5, generator=generator, dtype=torch.float64)
    vectors = torch.randn(3, 7, 6, 5, generator=generator, dtype=torch.float64)

    left = (gradient(volume, SIZE) * vectors).sum()
    right = -(volume * divergence(vectors, SIZE)).sum()

    assert left == pytest.approx(float(right), rel=1e-12)


def test_power_is_that_of_periodic_differences(generator):
    volume = torch.randn(8, 6, 5, generator=generator, dtype=torch.float64)
    differences = [
        (torch.roll(volume, -1, axis) - volume) / size for axis, size in enumerate(SIZE)
    ]

    power = gradient_power((8, 6, 5), SIZE, dtype=torch.float64)
    filtered = torch.fft.irfftn(torch.fft.rfftn(volume) * power, s=[8, 6, 5])

    expected = sum(float(d.square().sum()) for d in differences)
    assert float((volume * filtered).sum()) == pytest.approx(expected, rel=1e-12)


def test_steepness_is_the_square_of_the_gradient_and_goes_around_the_border(generator):
    volume = torch.randn(8, 6, 5, generator=generator, dtype=torch.float64)

    squares = steepness(volume, SIZE)

    inside = gradient(volume, SIZE).square().sum(0)[:-1, :-1, :-1]
    torch.testing.assert_close(squares[:-1, :-1, :-1], inside)
    turned = steepness(volume.roll((3, 2, 1), (0, 1, 2)), SIZE)
    torch.testing.assert_close(turned, squares.roll((3, 2, 1), (0, 1, 2)))
