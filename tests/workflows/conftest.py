"""Settings for a workflow in a temporary folder."""

import pytest

from qsmnet_bids.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(
        bids_dir=tmp_path / 'bids',
        output_dir=tmp_path / 'out',
        work_dir=tmp_path / 'work',
        omp_nthreads=1,
        n_procs=2,
        background='vsharp',
        inversion='tikhonov',
    )
