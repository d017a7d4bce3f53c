import math

import numpy as np
import pytest
import torch

from training.worlds.objects import CUBOID, CYLINDER, ELLIPSOID, Objects, placed, table_2
from training.worlds.raster import HAS_COMPILER, dense, rasterise

CPU = torch.device('cpu')
CUBES = (1.0, 1.0, 1.0)
VOLUMES = {
    ELLIPSOID: lambda a, b, c: 4 / 3 * math.pi * a * b * c,
    CUBOID: lambda a, b, c: 8 * a * b * c,
    CYLINDER: lambda a, _, c: 2 * math.pi * a * a * c,
}


def one_object(kind, extents, *, centre=(16, 16, 16), seed=0):
    rng = np.random.default_rng(seed)
    return placed(
        rng, np.array([kind]), np.array([extents]), centre=np.array([centre]), values=(1.0, 1.0)
    )


def clutter(seed, n=48, size=CUBES):
    rng = np.random.default_rng(seed)
    kind, extents = table_2(rng, 60)
    centre = rng.uniform(0, n, size=(60, 3)) * size
    return placed(rng, kind, extents, centre=centre, values=(-0.5, 0.5))


@pytest.mark.parametrize('kind', list(VOLUMES))
def test_an_object_has_its_volume(kind):
    extents = (7.0, 7.0, 9.0) if kind == CYLINDER else (6.0, 7.0, 9.0)
    volume = rasterise([one_object(kind, extents)], (33, 33, 33), device=CPU)
    assert volume.sum().item() == pytest.approx(VOLUMES[kind](*extents), rel=0.02)
    assert volume.min() >= 0
    assert volume.max() == 1


def test_voxels_of_any_form_hold_the_same_volume():
    size = (0.8, 1.0, 1.6)
    turned = one_object(ELLIPSOID, (6.0, 7.0, 9.0))
    volume = rasterise([turned], (44, 36, 24), device=CPU, voxel_sizes=[size])
    assert volume.sum().item() * np.prod(size) == pytest.approx(VOLUMES[0](6, 7, 9), rel=0.02)


def test_a_periodic_world_keeps_what_leaves_it():
    inside = one_object(CUBOID, (5.0, 6.0, 7.0))
    across = one_object(CUBOID, (5.0, 6.0, 7.0), centre=(0, 31, 30))
    shape = (32, 32, 32)
    kept, moved = (
        rasterise([objects], shape, device=CPU, periodic=True) for objects in (inside, across)
    )
    torch.testing.assert_close(moved.roll((16, -15, -14), (1, 2, 3)), kept, atol=1e-5, rtol=0)


@pytest.mark.skipif(not HAS_COMPILER, reason='numba is not installed')
@pytest.mark.parametrize('periodic', [False, True])
@pytest.mark.parametrize('size', [CUBES, (0.7, 1.0, 1.5)])
def test_compiled_and_dense_ways_agree(periodic, size):
    worlds = [clutter(seed, 32, size) for seed in range(2)]
    shape = (32, 30, 28)
    fast = rasterise(worlds, shape, device=CPU, voxel_sizes=[size] * 2, periodic=periodic)
    slow = dense(worlds, shape, [size] * 2, device=CPU, periodic=periodic)
    torch.testing.assert_close(fast, slow, atol=1e-3, rtol=0)


def test_values_add_where_objects_overlap():
    first, second = one_object(ELLIPSOID, (6, 6, 6)), one_object(CUBOID, (4, 4, 4), seed=1)
    both = Objects(
        *(
            np.concatenate([getattr(one, name) for one in (first, second)])
            for name in ('kind', 'centre', 'extents', 'rotation', 'value')
        )
    )
    shape = (33, 33, 33)
    parts = rasterise([first, second], shape, device=CPU)
    torch.testing.assert_close(rasterise([both], shape, device=CPU)[0], parts[0] + parts[1])
