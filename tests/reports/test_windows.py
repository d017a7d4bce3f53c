import math

import numpy as np
import pytest

from qsmnet_bids.reports.windows import Window, percentile, round_numbers, sample, symmetric


@pytest.mark.parametrize(
    ('low', 'high'), [(-0.1, 0.2), (0, 0.02), (0, 60), (-1, 1), (-5, 5), (0, 7.3), (-2e3, 1e4)]
)
def test_ticks_are_round_few_and_inside(low, high):
    ticks = round_numbers(low, high)
    assert 3 <= len(ticks) <= 7
    assert low - 1e-9 <= ticks[0]
    assert ticks[-1] <= high * (1 + 1e-9)
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    first_digits = steps[0] / 10.0 ** math.floor(math.log10(steps[0] * (1 + 1e-9)))
    assert round(first_digits) in {1, 2, 5}


def test_angles_are_named_in_pi():
    names = [name for _, name in Window(-math.pi, math.pi, 'rad').ticks()]
    assert names == ['-pi', '-0.5 pi', '0', '0.5 pi', 'pi']


def test_sample_stands_for_the_mask_and_nothing_else():
    mask = np.zeros((80, 80, 80), dtype=bool)
    mask[10:70, 5:75, 3:76] = True
    chosen = sample(mask)
    assert mask.flat[chosen].all()
    assert 100_000 <= len(chosen) <= 200_000
    assert sample(mask[:12, :8, :8]).tolist() == np.flatnonzero(mask[:12, :8, :8]).tolist()


def test_percentile_leaves_out_what_is_not_finite():
    values = np.array([0.0, 1.0, 2.0, np.nan, np.inf])
    assert percentile(values, 50) == 1.0
    assert percentile(np.full(3, np.nan), 50) == 1.0
    assert percentile(np.zeros(3), 99) == 1.0


def test_symmetric_window_ends_at_a_round_number():
    assert symmetric(np.linspace(-0.9, 0.3, 1000), 'ppm') == Window(-1.0, 1.0, 'ppm')
    turns = symmetric(np.linspace(0, 13, 1000), 'rad')
    assert turns.high == pytest.approx(5 * math.pi)


def test_zero_is_black_only_where_it_means_not_known():
    window, values = Window(-1.0, 1.0), np.array([-1.0, 0.0, 1.0, np.nan])
    assert window.to_grey(values).tolist() == [0, 128, 255, 0]
    assert window.to_grey_where_known(values).tolist() == [0, 0, 255, 0]
