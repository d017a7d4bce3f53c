"""What is found in a dataset, and what is not."""

import gc
import json

import pytest
from bids import BIDSLayout

from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.errors import InputError, SettingsError


def names(runs) -> list[str]:
    return [run.name for run in runs]


def test_no_index_outlives_its_query(dataset):
    dataset.add_run('sub-01')
    find_runs(dataset.root)
    gc.collect()
    assert BIDSLayout not in [type(each) for each in gc.get_objects()]


def test_groups_what_differs_only_in_echo_and_part(dataset):
    dataset.add_run('sub-01')
    (run,) = find_runs(dataset.root)
    assert (run.subject, run.session, run.suffix) == ('01', '', 'MEGRE')
    assert run.entities == {'sub': '01'}
    assert run.magnitude == {echo: dataset.image('sub-01', echo, 'mag') for echo in (1, 2, 3)}
    assert run.phase == {echo: dataset.image('sub-01', echo, 'phase') for echo in (1, 2, 3)}
    assert run.unclear == ()


def test_tells_sessions_acquisitions_reconstructions_and_runs_apart(dataset):
    expected = sorted(
        f'sub-{subject}_ses-{session}{acquisition}{reconstruction}_run-{run}'
        for subject in ('01', '02')
        for session in ('a', 'b')
        for acquisition in ('', '_acq-hires')
        for reconstruction in ('', '_rec-norm')
        for run in ('1', '02')
    )
    for name in expected:
        dataset.add_run(name, echo_times=(0.01,), shape=(2, 2, 2))
    runs = find_runs(dataset.root)
    assert sorted(names(runs)) == expected
    assert all(list(run.magnitude) == [1] and list(run.phase) == [1] for run in runs)


def test_finds_only_the_labels_asked_for(dataset):
    for name in ('sub-01_ses-a', 'sub-01_ses-b', 'sub-02_ses-a', 'sub-011_ses-a'):
        dataset.add_run(name, shape=(2, 2, 2))
    runs = find_runs(dataset.root, participant_labels=['sub-01'], session_labels=['a'])
    assert names(runs) == ['sub-01_ses-a']
    assert names(find_runs(dataset.root, participant_labels=['02', '011'])) == [
        'sub-011_ses-a',
        'sub-02_ses-a',
    ]


def test_names_the_labels_that_exist(dataset):
    dataset.add_run('sub-01_ses-a', shape=(2, 2, 2))
    with pytest.raises(SettingsError, match='participant 7 not found; there are: 01'):
        find_runs(dataset.root, participant_labels=['7'])
    with pytest.raises(SettingsError, match='session z not found; there are: a'):
        find_runs(dataset.root, session_labels=['z'])


def test_takes_t2starw_with_part_and_leaves_it_without(dataset):
    dataset.add_run('sub-01_acq-qsm', suffix='T2starw', shape=(2, 2, 2))
    plain = dataset.image('sub-01_acq-qsm', 1, 'mag', 'T2starw')
    plain.with_name('sub-01_acq-plain_T2starw.nii.gz').write_bytes(plain.read_bytes())
    (run,) = find_runs(dataset.root)
    assert (run.name, run.suffix) == ('sub-01_acq-qsm', 'T2starw')


def test_takes_a_single_echo_without_echo_entity(dataset):
    dataset.add_run('sub-01', suffix='T2starw', echo_times=(0.02,), shape=(2, 2, 2))
    for part in ('mag', 'phase'):
        path = dataset.image('sub-01', 1, part, 'T2starw')
        path.rename(path.with_name(path.name.replace('_echo-1', '')))
    (run,) = find_runs(dataset.root)
    assert list(run.magnitude) == list(run.phase) == [1]


def test_takes_an_image_without_part_as_magnitude(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    for echo in (1, 2, 3):
        path = dataset.image('sub-01', echo, 'mag')
        path.rename(path.with_name(path.name.replace('_part-mag', '')))
    (run,) = find_runs(dataset.root)
    assert sorted(run.magnitude) == sorted(run.phase) == [1, 2, 3]


def test_keeps_a_second_image_of_an_echo_as_unclear(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    path = dataset.image('sub-01', 2, 'mag')
    twin = path.with_name(path.name.replace('_part-mag', ''))
    twin.write_bytes(path.read_bytes())
    (run,) = find_runs(dataset.root)
    assert {run.magnitude[2], *run.unclear} == {path, twin}


def test_ignores_derivatives_sourcedata_and_other_datatypes(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    source = dataset.image('sub-01', 1, 'mag')
    for folder in ('derivatives/x/sub-01/anat', 'sourcedata/sub-01/anat', 'sub-01/func'):
        copy = dataset.root / folder / 'sub-01_acq-other_echo-1_part-mag_MEGRE.nii.gz'
        copy.parent.mkdir(parents=True)
        copy.write_bytes(source.read_bytes())
    assert names(find_runs(dataset.root)) == ['sub-01']


def write_filter(dataset, **kinds):
    return dataset.write_json('../filter.json', kinds)


@pytest.mark.parametrize(
    ('condition', 'expected'),
    [
        ({'acquisition': None}, ['sub-01_run-1', 'sub-01_run-2']),
        ({'acquisition': '*'}, ['sub-01_acq-a_run-1', 'sub-01_acq-b_run-1']),
        ({'acquisition': ['a', None], 'run': 1}, ['sub-01_acq-a_run-1', 'sub-01_run-1']),
        ({'run': '2'}, ['sub-01_run-2']),
    ],
)
def test_filter_file_narrows_down(dataset, condition, expected):
    for name in ('sub-01_run-1', 'sub-01_run-2', 'sub-01_acq-a_run-1', 'sub-01_acq-b_run-1'):
        dataset.add_run(name, shape=(2, 2, 2))
    path = write_filter(dataset, megre_mag=condition, megre_phase=condition)
    assert sorted(names(find_runs(dataset.root, filter_file=path))) == expected


def test_filter_file_chooses_echoes_by_number(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    path = write_filter(dataset, megre_mag={'echo': [1, 2]}, megre_phase={'echo': [1, 2]})
    (run,) = find_runs(dataset.root, filter_file=path)
    assert sorted(run.magnitude) == sorted(run.phase) == [1, 2]


def test_filter_file_can_tell_magnitude_from_phase_by_another_entity(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    for part, acquisition in (('mag', 'M'), ('phase', 'P')):
        for echo in (1, 2, 3):
            path = dataset.image('sub-01', echo, part)
            path.rename(path.with_name(f'sub-01_acq-{acquisition}_echo-{echo}_GRE.nii.gz'))
    path = write_filter(
        dataset,
        megre_mag={'suffix': 'GRE', 'acquisition': 'M'},
        megre_phase={'suffix': 'GRE', 'acquisition': 'P', 'part': None},
    )
    (run,) = find_runs(dataset.root, filter_file=path)
    assert run.name == 'sub-01'
    assert sorted(run.magnitude) == sorted(run.phase) == [1, 2, 3]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"bold": {}}', r'bold: unknown key; .*megre_mag, megre_phase, mask'),
        ('{"megre_mag": 3}', r'megre_mag: 3; give an object'),
        ('{"megre_mag": {"acquisition": true}}', r'megre_mag.acquisition: True; give a string'),
        ('{"megre_mag": {"run": "x"}}', r"megre_mag.run: 'x'; give a whole number"),
        ('{"megre_mag": {"colour": "x"}}', r"'colour' is not a recognized entity"),
        ('[1]', r'holds a list; give an object'),
        ('{', r'not valid JSON'),
    ],
)
def test_says_what_is_wrong_with_a_filter_file(dataset, content, message):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    path = dataset.root.parent / 'filter.json'
    path.write_text(content)
    with pytest.raises(SettingsError, match=message):
        find_runs(dataset.root, filter_file=path)


def test_missing_filter_file_is_named(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    with pytest.raises(SettingsError, match=r'nowhere.json: cannot be read'):
        find_runs(dataset.root, filter_file=dataset.root / 'nowhere.json')


def test_database_serves_other_subjects_and_refuses_another_dataset(dataset, tmp_path):
    for name in ('sub-01', 'sub-02'):
        dataset.add_run(name, shape=(2, 2, 2))
    database = tmp_path / 'database'
    first = find_runs(dataset.root, participant_labels=['01'], database_dir=database)
    second = find_runs(dataset.root, participant_labels=['02'], database_dir=database)
    assert names(first) == ['sub-01']
    assert names(second) == ['sub-02']
    assert second == find_runs(dataset.root, participant_labels=['02'])
    other = type(dataset)(tmp_path / 'other')
    other.add_run('sub-01', shape=(2, 2, 2))
    with pytest.raises(SettingsError, match='is the database of'):
        find_runs(other.root, database_dir=database)


def test_damaged_database(dataset, tmp_path):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    (tmp_path / 'layout_index.sqlite').write_bytes(b'garbage' * 1000)
    with pytest.raises(SettingsError, match='cannot be used as a database'):
        find_runs(dataset.root, database_dir=tmp_path)


def test_description_is_needed_unless_validation_is_skipped(dataset):
    dataset.add_run('sub-01', shape=(2, 2, 2))
    description = dataset.root / 'dataset_description.json'
    description.write_text(json.dumps({'Name': 'test'}))
    with pytest.raises(InputError, match='BIDSVersion: missing'):
        find_runs(dataset.root)
    description.unlink()
    with pytest.raises(InputError, match=r'dataset_description.json: file: does not exist'):
        find_runs(dataset.root)
    assert names(find_runs(dataset.root, validate=False)) == ['sub-01']


def test_says_how_to_name_images_when_there_is_none(dataset):
    dataset.write_description()
    (dataset.root / 'sub-01' / 'anat').mkdir(parents=True)
    with pytest.raises(InputError, match='no multi-echo gradient-echo run found; name the images'):
        find_runs(dataset.root)
