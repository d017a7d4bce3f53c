"""What qsmnet-bids-slurm writes and refuses; tests/cli/test_slurm_jobs.py runs it."""

import pytest

from qsmnet_bids.cli.slurm import main
from tests.cli.clusters import note, shell


def test_folder_names_the_subjects_and_quotes_paths(words, dataset, tmp_path):
    assert main(words) == 0
    folder = tmp_path / 'the output' / 'code' / 'cluster'
    assert (folder / 'subjects.txt').read_text() == '01\n02\n'
    script = 'source ./settings.sh; printf "%s|" "$bids_dir" "$cpus" "${command_words[@]}"'
    assert shell(script, folder)[1] == f'{dataset}|4|true|'


@pytest.mark.parametrize(
    ('extra', 'said'),
    [(['--time', '0'], '--time'), (['--mem', 'much'], '--mem'), (['--gpus', '-1'], '--gpus'),
     (['--cpus', '0'], '--cpus'), (['--array-size', 'x'], '--array-size'),
     (['--image', '/nowhere.sif'], '--image'), (['--scheduler', 'cron'], '--scheduler'),
     (['--mem', '4G', '--retry-mem', '2G'], '--retry-mem'), (['--bind', '/nowhere'], '--bind'),
     (['--participant-label', '77'], '77 not found'), (['--command', '"'], '--command'),
     (['--', '--inversion', 'magic'], '--inversion'), (['--', '--colour'], '--colour'),
     (['--', '-w', 'x'], '--work-dir stands after --'),
     (['--', '--participant-label', '01'], '--participant-label stands after --'),
     (['--folder', '/proc/nothing'], '/proc')],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_line(words, tmp_path, capsys, extra, said):
    assert main([*words, *extra]) in {1, 2}
    error = capsys.readouterr().err
    assert said in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'the output').exists()


def test_folder_of_other_settings_is_not_mixed(folder, words, capsys):
    assert main([*words, '--mem', '32G']) == 0
    note(folder, 'sub-01', code=0)
    (folder / 'setup.sh').write_text('module load mine\n')
    assert main([*words, '--mem', '64G']) == 0, 'limits may change'
    assert (folder / 'setup.sh').read_text() == 'module load mine\n'
    capsys.readouterr()
    assert main([*words, '--', '--inversion', 'tkd']) == 2
    assert 'options differ' in capsys.readouterr().err
