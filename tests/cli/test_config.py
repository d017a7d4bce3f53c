"""Settings survive a round trip through TOML, and the command line wins over the file."""

import tomllib

import pytest

from qsmnet_bids.cli.config import to_toml
from qsmnet_bids.cli.parser import parse_arguments
from qsmnet_bids.errors import SettingsError


@pytest.fixture
def words(tmp_path):
    for name in ('raw', 'masks', 'more'):
        (tmp_path / name).mkdir()
    (tmp_path / 'filter.json').write_text('{}')
    return [str(tmp_path / 'raw'), str(tmp_path / 'out'), 'participant']


EVERYTHING = (
    '--participant-label 01 02 --session-label a --bids-filter-file {0}/filter.json '
    '--bids-database-dir {0}/db --skip-bids-validation --derivatives m={0}/masks --mask brain '
    '--field-strength 2.89 --phase-sign -1 --masking threshold --unwrapping laplacian '
    '--inversion tkd --reference none --save-fields --device cpu --nprocs 2 --omp-nthreads 1 '
    '--mem 3.5G --low-mem --nipype-plugin-file {0}/filter.json --work-dir {0}/work '
    '--clean-workdir --stop-on-first-crash --write-graph --reports-only --validate-output -vv '
    '--dry-run --uncertainty --set uncertainty.n_members=4'
)


@pytest.mark.parametrize('line', ['', EVERYTHING])
def test_round_trip(tmp_path, words, line):
    settings = parse_arguments([*words, *line.format(tmp_path).split()])
    file = tmp_path / 'settings.toml'
    file.write_text(to_toml(settings))
    assert parse_arguments([*words, '--config-file', str(file)]) == settings


def test_command_line_wins(tmp_path, words):
    file = tmp_path / 'settings.toml'
    file.write_text(
        'inversion = "tkd"\nn_procs = 7\nsave_fields = true\nparticipant_labels = ["01", "02"]\n'
        f'[derivatives]\nm = "{tmp_path / "masks"}"\nn = "{tmp_path / "masks"}"\n'
    )
    line = f'--participant-label 03 -d m={tmp_path}/more --nprocs 1 --no-save-fields'
    settings = parse_arguments([*words, '--config-file', str(file), *line.split()])
    assert settings.inversion == 'tkd'
    assert settings.n_procs == 1
    assert not settings.save_fields
    assert settings.participant_labels == ('03',)
    assert settings.derivatives == {'m': tmp_path / 'more', 'n': tmp_path / 'masks'}


def test_what_is_none_is_left_out(words):
    assert 'mask' not in tomllib.loads(to_toml(parse_arguments(words)))


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('inversions = "tkd"', "unknown key 'inversions'; expected some of .*inversion"),
        ('inversion = "magic"', 'settings.toml: .*invalid choice'),
        ('n_procs = 0', 'settings.toml: .*expected a whole number'),
        ('save_fields = 3', 'settings.toml: .*ignored explicit argument'),
        ('verbosity = "loud"', 'settings.toml: .*verbosity'),
        ('inversion = ', 'cannot be read as TOML'),
    ],
)
def test_wrong_file_is_named(tmp_path, words, text, said):
    file = tmp_path / 'settings.toml'
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        parse_arguments([*words, '--config-file', str(file)])
