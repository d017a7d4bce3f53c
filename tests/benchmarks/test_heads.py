import numpy as np
import pytest

from benchmarks.heads import judge


def test_a_map_is_judged_where_it_is_known_and_in_the_whole_brain(rng):
    truth = rng.normal(0, 0.1, (16, 16, 16)).astype(np.float32)
    brain = np.zeros(truth.shape, dtype=bool)
    brain[2:-2, 2:-2, 2:-2] = True
    known = np.zeros_like(brain)
    known[:8] = True
    chi = np.where(known, 0.5 * truth, 0).astype(np.float32)
    quality = judge(chi, known, truth, brain)
    assert quality.covered == pytest.approx(0.5)
    assert quality.slope == pytest.approx(0.5, rel=1e-4)
    assert quality.nrmse == pytest.approx(50, rel=1e-4)
    # a quarter of the energy in one half, all of it in the other
    assert quality.nrmse_brain == pytest.approx(100 * np.sqrt(0.625), rel=0.03)
