import json

import pytest

from qsmnet_bids.reports.participants import read_participants

TABLE = [
    'participant_id\tage\tsex\tcode\tremark\tempty',
    'sub-01\t23\tF\t1\ta\tn/a',
    '02\t41.5\tM\t2\tb\tn/a',
    'sub-03\tn/a\tF\t1\tc\tn/a',
    'sub-04\t67\tM\t2\td\tn/a',
    'sub-05\t67\tM\t3\te\tn/a',
    'sub-06\t67\tM\t3\tf\tn/a',
    'sub-07\t67\tM\t3\tg\tn/a',
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / 'participants.tsv'
    path.write_text('\ufeff' + '\n'.join(TABLE) + '\n')
    told = {'age': {'LongName': 'Age', 'Units': 'year'}}
    told['code'] = {'Levels': {'1': 'healthy', '2': 'ill', '3': 'x' * 200}}
    path.with_suffix('.json').write_text(json.dumps(told))
    return path


def test_numbers_groups_and_the_rest_are_told_apart(table):
    found = read_participants(table)
    age, sex, code = found.columns
    assert (age.label, age.unit) == ('Age', 'year')
    assert age.numbers == {'01': 23, '02': 41.5, '04': 67, '05': 67, '06': 67, '07': 67}
    assert sex.levels == ['M', 'F']
    assert sex.groups['03'] == 'F'
    assert code.groups['01'] == 'healthy'
    assert code.groups['05'] == '3'  # a meaning as long as that is no name
    assert found.labels == {f'0{n}' for n in range(1, 8)}
    assert [note.split(' is left out')[0] for note in found.notes] == [
        'The column remark',
        'The column empty',
    ]


def test_missing_table_is_a_note(tmp_path):
    found = read_participants(tmp_path / 'participants.tsv')
    assert (found.columns, found.notes) == ((), ('There is no participants.tsv.',))


@pytest.mark.parametrize(
    ('text', 'note'),
    [
        ('subject\tage\n01\t3\n', 'has no column participant_id'),
        ('', 'has no column participant_id'),
        ('participant_id\tage\n01\t3\t4\n', 'line 2: 3 cells, left out'),
        ('participant_id\tage\n01\t3\nsub-01\t4\n', '01 stands there twice'),
    ],
)
def test_broken_tables_are_noted(tmp_path, text, note):
    (tmp_path / 'participants.tsv').write_text(text)
    assert note in ' '.join(read_participants(tmp_path / 'participants.tsv').notes)


def test_latin_1_is_a_note(tmp_path):
    (tmp_path / 'participants.tsv').write_bytes(b'participant_id\n\xe9\n')
    assert 'cannot be read' in read_participants(tmp_path / 'participants.tsv').notes[0]
