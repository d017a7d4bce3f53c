import pytest
import torch

from qsmnet_bids.masking.bias import bias, combined_magnitude, otsu_level
from tests.simulated import coordinates, simulate


def test_otsus_level_parts_two_classes(generator):
    dark = 1 + 0.1 * torch.randn(6000, generator=generator)
    light = 4 + 0.2 * torch.randn(3000, generator=generator)
    values = torch.cat([dark, light]).clamp(min=0).view(10, 30, 30)
    assert dark.max() - 0.02 < otsu_level(values) < light.min()
    assert otsu_level(1000 * values) == pytest.approx(1000 * otsu_level(values), rel=1e-3)
    assert otsu_level(torch.zeros(3, 4, 5)) == 0


def test_otsus_level_is_that_of_all_levels_tried(generator):
    values = torch.rand(12, 12, 12, generator=generator).square()
    tried = torch.linspace(0.01, 0.9, 400)

    def between(level):
        above = values > level
        gap = values[above].mean() - values[~above].mean()
        return above.double().mean() * (~above).double().mean() * gap**2

    best = max(tried.tolist(), key=between)
    # a bin of the histogram is one 256th of the range
    assert otsu_level(values) == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize('voxel_size', [(1.0, 1.0, 1.0), (0.7, 1.3, 3.1)])
def test_slow_variation_is_found_up_to_its_scale(voxel_size):
    shape = tuple(round(90 / size) for size in voxel_size)
    x, y, z = coordinates(shape, voxel_size)
    true = 1 / (1 + (x**2 + y**2 + z**2) / 50**2)
    tissue = (x**2 + y**2 + z**2) < 38**2
    found = bias(50 * true * tissue, width=8.0, voxel_size=voxel_size)
    assert found.shape == true.shape
    assert bool((found > 0).all())
    # the Gaussian flattens what it finds, but most of the variation is gone
    flat = (true / found)[tissue]
    before = true[tissue]
    assert float(flat.std() / flat.mean()) < 0.5 * float(before.std() / before.mean())


def test_without_width_it_is_the_root_sum_of_squares():
    echoes = simulate(shape=(16, 16, 16)).echoes
    expected = echoes.magnitude.square().sum(0).sqrt()
    assert torch.allclose(combined_magnitude(echoes, bias_width=0.0), expected, rtol=1e-5)
    with pytest.raises(ValueError, match='bias_width must be at least 0'):
        combined_magnitude(echoes, bias_width=-1.0)
