"""A synthetic head and the sidecars of its runs."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest


def head(shape=(48, 56, 40), voxel_size=(3.6, 3.6, 3.6), n_echoes=3, seed=0):
    """Ellipsoid head in voxel order right, anterior, superior; nuclei, a vein, a calcification."""
    random = np.random.default_rng(seed)
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel_size, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')

    def inside(centre, radii):
        offsets = (x - centre[0], y - centre[1], z - centre[2])
        return sum((o / r) ** 2 for o, r in zip(offsets, radii, strict=True)) < 1

    mask = inside((0, 0, 0), (66, 82, 58))
    chi = 0.012 * np.sin(x / 7) * np.sin(y / 9) * np.sin(z / 8)
    for side in (-1, 1):
        chi[inside((side * 22, 8, 2), (7, 16, 9))] = 0.09
        chi[inside((side * 16, 4, 0), (5, 9, 6))] = 0.16
        chi[inside((side * 8, -8, 6), (6, 24, 9))] = -0.02
    chi[inside((30, -30, 20), (6, 6, 6))] = -0.2
    chi[np.hypot(x, z - 40) < 4] = 0.3
    chi = np.where(mask, chi, 0)
    local = np.where(mask, 0.35 * chi + 0.004 * random.standard_normal(shape), 0)
    total = np.where(mask, local + 0.9 * np.exp(-((y - 70) ** 2 + (z + 50) ** 2) / 1800) - 0.2, 0)
    echo_times = np.array([0.005, 0.012, 0.019, 0.026])[:n_echoes]
    tissue = 800 * mask + 300 * inside((0, 0, 0), (74, 92, 66))
    decay = np.exp(-echo_times[:, None, None, None] * (22 + 120 * np.abs(chi)))
    noise = random.standard_normal((2, n_echoes, *shape)) * 12
    hz = 127.7 * total
    signal = tissue * decay * np.exp(2j * np.pi * hz * echo_times[:, None, None, None] + 0.7j)
    signal = signal + noise[0] + 1j * noise[1]
    affine = np.diag([*voxel_size, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    return {
        'magnitude': np.abs(signal).astype(np.float32),
        'phase': np.angle(signal).astype(np.float32),
        'mask': mask,
        'total': total.astype(np.float32),
        'local': local.astype(np.float32),
        'chi': chi.astype(np.float32),
        'affine': affine,
    }


@pytest.fixture(scope='session')
def synthetic_head():
    return head()
