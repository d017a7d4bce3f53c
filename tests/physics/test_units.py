import math

import pytest

from qsmnet_bids.physics.units import hz_per_ppm, phase_convention, phase_scaling


@pytest.mark.parametrize(
    ('low', 'high', 'is_integer', 'convention'),
    [
        (-math.pi, math.pi, False, 'radian'),
        (-0.5, 0.2, False, 'radian'),
        (0.0, 4095.0, True, 'unsigned integer'),
        (-4096.0, 4094.0, True, 'signed integer'),
        (-3142.0, 3142.0, True, 'milliradian'),
        (-3141.6, 3141.6, False, 'milliradian'),
        (-4096.0, 4095.0, False, None),
        (0.0, 1000.0, True, None),
        (0.0, 65535.0, True, None),
        (-180.0, 180.0, True, None),
    ],
)
def test_the_range_tells_the_convention(low, high, is_integer, convention):
    assert phase_convention(low, high, is_integer=is_integer) == convention


@pytest.mark.parametrize(
    ('convention', 'low', 'high'),
    [
        ('radian', -math.pi, math.pi),
        ('signed integer', -4096, 4096),
        ('unsigned integer', 0, 4096),
        ('milliradian', -1000 * math.pi, 1000 * math.pi),
    ],
)
def test_the_ends_of_each_range_become_pi(convention, low, high):
    slope, intercept = phase_scaling(convention)
    assert slope * low + intercept == pytest.approx(-math.pi)
    assert slope * high + intercept == pytest.approx(math.pi)


def test_a_ppm_at_7_tesla():
    assert hz_per_ppm(7.0) == pytest.approx(298.032)
    with pytest.raises(ValueError, match='b0'):
        hz_per_ppm(0.0)
