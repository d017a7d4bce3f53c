"""The command line: every flag, both spellings, and what is said to wrong arguments."""

import subprocess
import sys
from pathlib import Path

import pytest

from qsmnet_bids.cli.config import to_toml
from qsmnet_bids.cli.parser import parse_arguments
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import PRESETS, Settings


@pytest.fixture
def folders(tmp_path):
    for name in ('raw', 'masks', 'elsewhere'):
        (tmp_path / name).mkdir()
    (tmp_path / 'file').write_text('{}')
    return tmp_path


def parse(folders, *words):
    return parse_arguments([str(folders / 'raw'), str(folders / 'out'), 'participant', *words])


def test_defaults_are_those_of_settings(folders, monkeypatch):
    monkeypatch.chdir(folders)
    expected = Settings(folders / 'raw', folders / 'out', folders / 'work')
    assert parse(folders) == expected


@pytest.mark.parametrize(
    ('words', 'key', 'value'),
    [
        ('--participant-label sub-01 02', 'participant_labels', ('01', '02')),
        ('--participant_label 01 sub-01', 'participant_labels', ('01',)),
        ('--participant-labels 01', 'participant_labels', ('01',)),
        ('--session-label ses-a b', 'session_labels', ('a', 'b')),
        ('--session_label a', 'session_labels', ('a',)),
        ('--session-id ses-a', 'session_labels', ('a',)),
        ('--skip-bids-validation', 'skip_bids_validation', True),
        ('--skip_bids_validation', 'skip_bids_validation', True),
        ('--skip-bids-validation --no-skip-bids-validation', 'skip_bids_validation', False),
        ('--field-strength 7', 'field_strength', 7.0),
        ('--phase-sign -1', 'phase_sign', -1),
        ('--phase-sign 1', 'phase_sign', 1),
        ('--masking threshold', 'masking', 'threshold'),
        ('--unwrapping laplacian', 'unwrapping', 'laplacian'),
        ('--fieldmap weighted_mean', 'fieldmap', 'weighted_mean'),
        ('--background vsharp', 'background', 'vsharp'),
        ('--inversion tkd', 'inversion', 'tkd'),
        ('--reference none', 'reference', 'none'),
        ('--save-fields', 'save_fields', True),
        ('--device cuda:1', 'device', 'cuda:1'),
        ('--nprocs 3', 'n_procs', 3),
        ('--nthreads 3', 'n_procs', 3),
        ('--n-cpus 3', 'n_procs', 3),
        ('--n_cpus 3', 'n_procs', 3),
        ('--omp-nthreads 2', 'omp_nthreads', 2),
        ('--omp_nthreads=2', 'omp_nthreads', 2),
        ('--mem 8G', 'memory_gb', 8.0),
        ('--mem_mb 8000', 'memory_gb', 8.0),
        ('--mem-mb 4000000K', 'memory_gb', 4.0),
        ('--low-mem', 'low_mem', True),
        ('--clean-workdir', 'clean_workdir', True),
        ('--stop-on-first-crash', 'stop_on_first_crash', True),
        ('-n', 'dry_run', True),
        ('--dry-run', 'dry_run', True),
        ('--write-graph', 'write_graph', True),
        ('--reports-only', 'reports_only', True),
        ('--group-maps', 'group_maps', True),
        ('--validate-output', 'validate_output', True),
        ('-v', 'verbosity', 1),
        ('-vv', 'verbosity', 2),
    ],
)
def test_flag(folders, words, key, value):
    assert getattr(parse(folders, *words.split()), key) == value


@pytest.mark.parametrize(
    ('flag', 'name', 'key'),
    [
        ('--bids-filter-file', 'file', 'bids_filter_file'),
        ('--bids_filter_file', 'file', 'bids_filter_file'),
        ('--bids-database-dir', 'elsewhere', 'bids_database_dir'),
        ('--nipype-plugin-file', 'file', 'nipype_plugin_file'),
        ('--use-plugin', 'file', 'nipype_plugin_file'),
        ('-w', 'elsewhere', 'work_dir'),
        ('--work_dir', 'elsewhere', 'work_dir'),
    ],
)
def test_path_flag(folders, flag, name, key):
    assert getattr(parse(folders, flag, str(folders / name)), key) == folders / name


def test_notrack_changes_nothing(folders):
    assert parse(folders, '--notrack') == parse(folders)


def test_masks_come_by_name_or_by_folder(folders):
    masks, other = folders / 'masks', folders / 'elsewhere'
    settings = parse(folders, '-d', f'm={masks}', '--derivatives', str(other), '--mask', 'brain')
    assert settings.derivatives == {'m': masks, 'elsewhere': other}
    assert settings.mask == 'brain'


def test_levels_are_put_in_order(folders):
    settings = parse_arguments([str(folders / 'raw'), str(folders), 'group', 'participant'])
    assert settings.analysis_levels == ('participant', 'group')


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ('--nprocs 0', 'expected a whole number of at least 1'),
        ('--nprocs many', 'expected a whole number of at least 1'),
        ('--omp-nthreads -1', 'expected'),
        ('--mem lots', 'expected an amount such as 8G'),
        ('--mem 0G', 'expected an amount such as 8G'),
        ('--field-strength 3000', 'expected tesla'),
        ('--field-strength nan', 'expected tesla'),
        ('--field-strength high', 'expected tesla'),
        ('--phase-sign 2', 'choose from'),
        ('--device gpu', 'expected auto, cpu, cuda or cuda:N'),
        ('--inversion magic', "choose from 'dipolenet'"),
        ('--reference air', 'choose from'),
        ('--participant-label 0/1', 'expected letters and digits'),
        ('--bids-filter-file absent.json', 'expected an existing file'),
        ('--derivatives m=absent', 'expected an existing folder'),
        ('--mask brain', '--mask needs --derivatives'),
        ('--set tkd', 'expected METHOD.PARAMETER=VALUE'),
        ('--dry', 'unrecognized arguments'),
        ('--config-file absent.toml', 'expected an existing file'),
    ],
)
def test_wrong_value_says_what_was_expected(folders, words, said):
    with pytest.raises(SettingsError, match=said):
        parse(folders, *words.split())


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ('{0}/raw {0}/raw participant', 'output_dir is bids_dir'),
        ('{0}/raw {0}/out participant -w {0}/raw/work', 'lies inside bids_dir'),
        ('{0}/raw {0}/out participant -w {0}', 'bids_dir lies inside --work-dir'),
        ('{0}/raw {0}/work/out participant -w {0}/work', 'output_dir lies inside --work-dir'),
        ('{0}/absent {0}/out participant', 'expected an existing folder'),
        ('{0}/raw {0}/out everyone', "choose from 'participant', 'group'"),
        ('{0}/raw {0}/out', 'analysis_level'),
        ('{0}/raw {0}/out group', 'does not exist'),
    ],
)
def test_folders_that_cannot_go_together(folders, words, said):
    with pytest.raises(SettingsError, match=said):
        parse_arguments(words.format(folders).split())


def test_output_inside_the_dataset_is_where_derivatives_belong(folders):
    output_dir = folders / 'raw' / 'derivatives' / 'qsmnet-bids'
    settings = parse_arguments([str(folders / 'raw'), str(output_dir), 'participant'])
    assert settings.output_dir == output_dir


@pytest.mark.parametrize('words', [['--help'], ['--version']])
def test_help_and_version_import_nothing_heavy(words):
    code = (
        'import sys\n'
        'from qsmnet_bids.cli.run import main\n'
        'try: main(sys.argv[1:])\n'
        'except SystemExit as end: assert end.code == 0\n'
        'heavy = {"torch", "nipype", "bids", "numpy", "nibabel", "scipy"} & set(sys.modules)\n'
        'assert not heavy, heavy'
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, '-c', code, *words], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'qsmnet-bids' in done.stdout


def test_preset_fills_what_no_option_says(folders, tmp_path):
    given = parse(folders, '--preset', 'classical', '--inversion', 'tkd')
    assert (given.preset, given.inversion) == ('classical', 'tkd')
    others = {stage: name for stage, name in PRESETS['classical'].items() if stage != 'inversion'}
    assert {stage: getattr(given, stage) for stage in others} == others
    other = parse(folders, '--preset', 'network')
    assert (other.background, other.inversion) == ('lbv', 'dipolenet')

    file = tmp_path / 'settings.toml'
    file.write_text(to_toml(given))
    assert parse(folders, *f'--config-file {file}'.split()).inversion == 'tkd'
    words = f'--config-file {file} --preset classical --background pdf'.split()
    again = parse(folders, *words)
    assert (again.inversion, again.background) == (PRESETS['classical']['inversion'], 'pdf')


@pytest.mark.parametrize(
    'words',
    [
        '--reference segmentation',
        '--reference segmentation --reference-labels 4',
        '--reference-labels 4 43',
        '--reference segmentation --reference-labels -4',
        '--set two_pass.quality=0.9',
        '--set swi.power=3',
        '--set uncertainty.n_members=4',
        '--uncertainty --set uncertainty.n_members=4.5',
    ],
)
def test_what_lacks_its_counterpart_is_refused(folders, words):
    with pytest.raises(SettingsError):
        parse(folders, *words.split())


def test_what_is_asked_for_has_parameters(folders):
    words = '--two-pass --swi --set two_pass.quality=0.9 --set swi.power=3 --set swi.slice_axis=z'
    words += ' --uncertainty --set uncertainty.n_members=4'
    given = parse(folders, *words.split())
    assert given.parameters == {
        'two_pass': {'quality': 0.9},
        'swi': {'power': 3.0, 'slice_axis': 'z'},
        'uncertainty': {'n_members': 4},
    }
    with pytest.raises(SettingsError, match='expected auto or x or y or z'):
        parse(folders, '--swi', '--set', 'swi.slice_axis=w')


@pytest.mark.parametrize('option', ['--two-pass', '--swi', '--uncertainty'])
def test_what_works_on_one_run_does_not_go_with_several_orientations(folders, option):
    with pytest.raises(SettingsError, match=f'{option} works on one run'):
        parse(folders, '--inversion', 'cosmos', option)


def test_cosmos_has_parameters(folders):
    words = '--inversion cosmos --set cosmos.alpha=0.001 --set cosmos.weighting=mask'
    given = parse(folders, *words.split())
    assert given.parameters == {'cosmos': {'alpha': 0.001, 'weighting': 'mask'}}
    with pytest.raises(SettingsError, match='no such parameter'):
        parse(folders, '--inversion', 'cosmos', '--set', 'cosmos.beta=1')
