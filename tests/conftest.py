"""What every test may rely on: no calls home, no display, one thread a worker, seeded numbers."""

import os

os.environ.update(NO_ET='1', NIPYPE_NO_ET='1', MPLBACKEND='Agg')

import numpy as np
import pytest
import torch

if 'PYTEST_XDIST_WORKER' in os.environ:
    # the workers share the cores already; what they start must not multiply that
    os.environ['OMP_NUM_THREADS'] = '1'
    torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers for numpy, the same in every run."""
    return np.random.default_rng(20190704)


@pytest.fixture
def generator() -> torch.Generator:
    """Random numbers for torch, the same in every run."""
    return torch.Generator().manual_seed(20190704)
