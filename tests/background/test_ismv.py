import pytest
import torch

from qsmnet_bids.background.deviation import deviation
from qsmnet_bids.background.ismv import ismv
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.tensors import TotalField
from tests.simulated import coordinates

SHAPE, VOXEL = (24, 22, 14), (1.0, 1.0, 1.5)


@pytest.fixture
def total(generator):
    mask = coordinates(SHAPE, VOXEL).square().sum(0).sqrt() < 9.5
    field = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    return TotalField(field, torch.zeros_like(field), mask, VOXEL, (0.0, 0.0, 1.0))


def test_it_ends_where_repeated_means_end(total):
    local = ismv(total, radius=3.0, tolerance=1e-9)

    start = deviation(total, radius=3.0)
    background = start.region.field
    for _ in range(200):
        mean = convolve(background, 1 - start.sharpness)
        background = torch.where(start.known, mean, start.region.field)
    expected = (start.region.field - background)[start.known]
    assert torch.allclose(local.field[local.mask], expected, atol=1e-6)


def test_the_operator_is_symmetric_and_positive(total, generator):
    start = deviation(total, radius=3.0)
    u, v = torch.randn(2, *start.region.shape, generator=generator, dtype=torch.float64)
    u, v = u * start.known, v * start.known
    image = convolve(u, start.sharpness) * start.known
    other = convolve(v, start.sharpness) * start.known
    assert float((image * v).sum()) == pytest.approx(float((u * other).sum()), rel=1e-9)
    assert float((image * u).sum()) > 0


@pytest.mark.parametrize('options', [{'radius': -1.0}, {'max_iterations': 0}, {'tolerance': -1.0}])
def test_nonsense_is_refused(options, total):
    with pytest.raises(ValueError, match=next(iter(options))):
        ismv(total, **options)
