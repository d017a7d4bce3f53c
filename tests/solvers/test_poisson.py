import pytest
import torch

from qsmnet_bids.solvers import poisson
from tests.simulated import coordinates

GRIDS = [((25, 22, 19), (1.0, 1.0, 1.0)), ((24, 23, 9), (0.8, 0.9, 2.0))]


def noise(shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
def test_the_laplacian_of_a_quadratic_is_its_trace(shape, voxel_size):
    x, y, z = coordinates(shape, voxel_size).double()
    laplacian = -poisson.negative_laplacian(x**2 - 3 * y**2 + 5 * z**2 + x * y, voxel_size)
    inside = (slice(1, -1),) * 3
    assert torch.allclose(laplacian[inside], torch.tensor(6.0).double(), rtol=1e-4)


@pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
def test_the_laplacian_is_symmetric_and_positive(shape, voxel_size, generator):
    u, v = noise(shape, generator), noise(shape, generator)
    image, other = (poisson.negative_laplacian(w, voxel_size) for w in (u, v))
    assert float((image * v).sum()) == pytest.approx(float((u * other).sum()), rel=1e-9)
    assert float((image * u).sum()) > 0


@pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
@pytest.mark.parametrize('axes', [(0, 1, 2), (0, 1)])
def test_restriction_is_the_adjoint_of_interpolation(shape, voxel_size, axes, generator):
    del voxel_size
    coarse = [(n + 1) // 2 if axis in axes else n for axis, n in enumerate(shape)]
    u, v = noise(coarse, generator), noise(shape, generator)
    up = poisson._prolong(u, axes, torch.Size(shape))
    down = poisson._restrict(v, axes) * 2 ** len(axes)
    assert float((up * v).sum()) == pytest.approx(float((u * down).sum()), rel=1e-9)


@pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
def test_the_cycle_is_symmetric_and_positive(shape, voxel_size, generator):
    unknown = coordinates(shape, voxel_size).square().sum(0).sqrt() < 8
    levels = poisson._hierarchy(unknown.double(), voxel_size)
    assert len(levels) > 2
    u, v = (noise(shape, generator) * unknown for _ in range(2))
    image, other = poisson._cycle(levels, u), poisson._cycle(levels, v)
    assert float((image * v).sum()) == pytest.approx(float((u * other).sum()), rel=1e-9)
    assert float((image * u).sum()) > 0
    assert not image[~unknown].any()


@pytest.mark.parametrize(('shape', 'voxel_size'), GRIDS)
def test_a_known_solution_is_found_in_few_cycles(shape, voxel_size, generator):
    unknown = coordinates(shape, voxel_size).square().sum(0).sqrt() < 8
    truth = noise(shape, generator) * unknown
    source = poisson.negative_laplacian(truth, voxel_size)
    solution = poisson.solve_poisson(
        source, unknown, voxel_size, max_iterations=20, tolerance=1e-8
    )
    assert solution.converged
    assert torch.allclose(solution.value, truth, atol=1e-6)


def test_the_number_of_cycles_does_not_grow_with_the_grid(generator):
    counts = []
    for n in (12, 48):
        unknown = torch.ones(n, n, n, dtype=torch.bool)
        solution = poisson.solve_poisson(
            noise((n, n, n), generator),
            unknown,
            (1.0, 1.0, 1.0),
            max_iterations=50,
            tolerance=1e-6,
        )
        counts.append(solution.n_iterations)
    assert counts[1] <= counts[0] + 4
