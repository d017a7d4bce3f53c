import math
import os

import numpy as np
import pytest

from benchmarks.process import measure


def test_a_call_runs_elsewhere_and_gives_its_result():
    assert measure(math.hypot, 3.0, 4.0).value == 5
    assert measure(os.getpid).value != os.getpid()


def test_memory_of_one_call_does_not_count_for_the_next():
    large = measure(np.ones, 40_000_000)
    small = measure(np.ones, 10)
    assert large.peak_gb - small.peak_gb == pytest.approx(0.32, abs=0.1)


def test_an_error_comes_through():
    with pytest.raises(ValueError, match='math domain error'):
        measure(math.sqrt, -1.0)
