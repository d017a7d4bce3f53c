import numpy as np
import pytest

from training.worlds.objects import CUBOID, CYLINDER, ELLIPSOID, random_rotations, table_2


def test_sizes_fill_the_ranges_of_table_2():
    kind, extents = table_2(np.random.default_rng(0), 40_000)
    ellipsoids, cuboids, cylinders = (extents[kind == k] for k in (ELLIPSOID, CUBOID, CYLINDER))
    spheres = ellipsoids[np.ptp(ellipsoids, axis=1) == 0]
    for values, low, high in (
        (spheres, 0.1, 15),
        (2 * cuboids, 0.1, 20),
        (cylinders[:, 0], 1, 20),
        (2 * cylinders[:, 2], 1, 40),
        (ellipsoids, 0.1, 20),
    ):
        assert low <= values.min() < low + 0.1
        assert high - 0.1 < values.max() <= high + 1e-5
    for n in (len(spheres), len(cuboids), len(cylinders), len(ellipsoids) - len(spheres)):
        assert n / 40_000 == pytest.approx(0.25, abs=0.01)


def test_rotations_are_rotations_of_no_preferred_direction():
    rotations = random_rotations(np.random.default_rng(1), 4000)
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)
    np.testing.assert_allclose(rotations.mean(0), 0, atol=0.05)
