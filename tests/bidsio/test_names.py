"""File names, in and out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmnet_bids.bidsio.names import ENTITY_ORDER, is_label, join_name, parse_name, parse_suffix

LABELS = st.text('abcXYZ0189+', min_size=1, max_size=8)


@given(st.dictionaries(st.sampled_from(ENTITY_ORDER), LABELS, min_size=1))
def test_joining_and_parsing_are_inverse(entities):
    path = Path(join_name(entities) + '_Chimap.nii.gz')
    assert parse_name(path) == entities
    assert parse_suffix(path) == 'Chimap'


def test_order_is_that_of_bids():
    entities = {'desc': 'd', 'part': 'mag', 'echo': '1', 'run': '1', 'acq': 'a', 'sub': '1'}
    assert join_name(entities) == 'sub-1_acq-a_run-1_echo-1_part-mag_desc-d'


@pytest.mark.parametrize(
    'value', ['', '..', '../x', 'a/b', 'a-b', 'a_b', 'a.b', 'a b', 'ä', 'a\n']
)
def test_a_label_cannot_name_a_folder(value):
    assert not is_label(value)
    with pytest.raises(ValueError, match='sub must be letters and digits only'):
        join_name({'sub': value})


def test_unknown_entity():
    with pytest.raises(ValueError, match=r"got \['colour'\]"):
        join_name({'sub': '1', 'colour': 'red'})
