import numpy as np
import pytest
from scipy import stats

from qsmnet_bids.reports import theil_sen as module
from qsmnet_bids.reports.theil_sen import theil_sen


def points(n, seed=0):
    """Ages in whole years, so that some are equal, and a quantity that grows with them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(20, 80, n).astype(float)
    return x, 0.1 * x + rng.normal(0, 3, n)


@pytest.mark.parametrize('n', [5, 20, 61, 300])
def test_line_and_interval_are_those_of_scipy(n):
    x, y = points(n)
    line, expected = theil_sen(x, y), stats.theilslopes(y, x, 0.95)
    assert line.slope == pytest.approx(expected.slope)
    assert line.intercept == pytest.approx(expected.intercept)
    assert (line.low, line.high) == pytest.approx((expected.low_slope, expected.high_slope))


def test_drawn_pairs_come_close_to_all_pairs(monkeypatch):
    x, y = points(1500)
    expected = stats.theilslopes(y, x, 0.95)
    width = expected.high_slope - expected.low_slope
    monkeypatch.setattr(module, 'MOST_PAIRS', 100_000)
    line = theil_sen(x, y)
    assert line.slope != expected.slope
    found = (line.slope, line.low, line.high)
    assert found == pytest.approx(expected[:1] + expected[2:], abs=0.1 * width)


def test_outliers_do_not_bend_the_line():
    x = np.arange(40.0)
    y = 2 * x + 1
    y[:8] = 1000
    line = theil_sen(x, y)
    assert line.slope == pytest.approx(2)
    assert line.clarity >= 0


def test_no_line_through_few_points_or_one_place():
    assert theil_sen(np.arange(4.0), np.arange(4.0)) is None
    assert theil_sen(np.ones(9), np.arange(9.0)) is None


def test_confidence_is_checked():
    with pytest.raises(ValueError, match='confidence must be in'):
        theil_sen(np.arange(9.0), np.arange(9.0), confidence=95)
