"""Hyper-parameters are checked against the signatures of the methods in use."""

from functools import partial
from typing import Literal

import pytest

from qsmnet_bids.cli.parameters import checked, hyper_parameters
from qsmnet_bids.errors import SettingsError

METHODS = {
    'masking': 'combined',
    'unwrapping': 'best_path',
    'fieldmap': 'weighted_mean',
    'inversion': 'tkd',
}


def method(
    data: list,
    *,
    needed: float,
    number: float = 0.5,
    count: int | None = None,
    choice: Literal['a', 'b'] = 'a',
    switch: bool = True,
    other: list | None = None,
) -> list:
    return [data, needed, number, count, choice, switch, other]


def test_what_counts_as_hyper_parameter():
    assert hyper_parameters(method) == {
        'number': (float,),
        'count': (int,),
        'choice': ('a', 'b'),
        'switch': (bool,),
    }


def test_what_a_registry_fixes_cannot_be_set():
    assert 'choice' not in hyper_parameters(partial(method, choice='b'))


def test_whole_number_becomes_floating_point():
    (value,) = checked({'tkd': {'threshold': 0}}, METHODS)['tkd'].values()
    assert (value, type(value)) == (0.0, float)


def test_values_of_several_methods_pass_through():
    given = {'tkd': {'threshold': 0.1, 'correction': False}, 'combined': {'quality': 0.6}}
    assert checked(given, METHODS) == given


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'tikhonov': {'alpha': 0.1}}, 'no stage uses this method; expected one of .*tkd'),
        ({'tkd': {'alpha': 0.1}}, 'tkd has: threshold, correction'),
        ({'tkd': {'threshold': 'low'}}, 'expected a number'),
        ({'tkd': {'threshold': True}}, 'expected a number'),
        ({'tkd': {'correction': 1}}, 'expected true or false'),
        ({'weighted_mean': {'unwrapping': 'laplacian'}}, 'no such parameter'),
    ],
)
def test_what_does_not_fit_is_refused(parameters, said):
    with pytest.raises(SettingsError, match=said):
        checked(parameters, METHODS)
