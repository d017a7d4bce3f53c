import pytest

from qsmnet_bids.reports.headlines import chain, headlines
from qsmnet_bids.reports.records import parse_record
from qsmnet_bids.reports.values import DASH, MINUS


def test_three_numbers_are_those_of_the_sidecar(sidecar):
    susceptibility, misfit, mask = headlines(parse_record(sidecar))
    assert (susceptibility.value, susceptibility.unit) == (f'{MINUS}0.057 to 0.063', 'ppm')
    assert (misfit.value, misfit.unit) == ('1.2', 'times the noise')
    assert (mask.value, mask.unit) == ('1412', 'ml')
    assert not any(number.is_odd for number in (susceptibility, misfit, mask))


@pytest.mark.parametrize(('value', 'is_odd'), [(5.9, False), (6.1, True)])
def test_number_that_is_warned_of_is_marked(sidecar, value, is_odd):
    sidecar['QualityMeasures']['forward_residual_noise'] = value
    assert headlines(parse_record(sidecar))[1].is_odd == is_odd


def test_unknown_numbers_are_dashes(sidecar):
    sidecar['QualityMeasures'] = {'chi_p05': -0.05}
    assert [number.value for number in headlines(parse_record(sidecar))] == [DASH] * 3


def test_methods_in_the_order_of_the_data_with_weights_and_zero(sidecar):
    sidecar['Weights'] = {'name': 'deepqsm', 'sha256': '0' * 64}
    assert chain(parse_record(sidecar)) == [
        ('mask', 'combined'),
        ('total field', 'mcpc3ds'),
        ('unwrapping', 'best_path'),
        ('total field', 'weighted_mean'),
        ('background removal', 'vsharp'),
        ('dipole inversion', 'tikhonov'),
        ('weights', 'deepqsm'),
        ('zero is the mean of', 'whole mask'),
    ]


def test_reference_none_is_said_as_it_is(sidecar):
    sidecar['ReferenceRegion'] = 'none'
    assert chain(parse_record(sidecar))[-1] == ('zero', 'as the inversion left it')
