from statistics import NormalDist

import numpy as np
import pytest

from qsmnet_bids.reports.cliff import cliffs_delta


def test_delta_counts_all_pairs_ties_included():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, 17).astype(float), rng.integers(1, 10, 23).astype(float)
    expected = np.sign(first[:, None] - second).mean()
    found = cliffs_delta(first, second)
    assert found.delta == pytest.approx(expected)
    assert found.low < expected < found.high
    other = cliffs_delta(second, first)
    assert (other.delta, other.low) == pytest.approx((-found.delta, -found.high))


def test_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    delta = 0.4
    shift = np.sqrt(2) * NormalDist().inv_cdf((delta + 1) / 2)
    found = [cliffs_delta(rng.normal(shift, 1, 25), rng.normal(0, 1, 30)) for _ in range(1000)]
    held = np.mean([each.low <= delta <= each.high for each in found])
    assert 0.92 < held < 0.97


def test_groups_apart_are_at_the_end_and_more_members_are_surer():
    few = cliffs_delta(np.arange(4.0) + 10, np.arange(6.0))
    many = cliffs_delta(np.arange(40.0) + 100, np.arange(60.0))
    assert few.delta == few.high == many.delta == 1
    assert 0 < few.low < many.low < 1
    assert cliffs_delta(np.arange(6.0), np.arange(4.0) + 10).high == -few.low


def test_two_members_are_too_few():
    assert cliffs_delta(np.zeros(2), np.arange(9.0)) is None
