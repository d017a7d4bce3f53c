"""The first word of the entry point chooses the command; without one of these it is the app."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words):
    return subprocess.run(
        [sys.executable, ROOT / 'run.py', *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ('words', 'said'),
    [(['--help'], 'usage: qsmnet-bids '), (['phantom', '--help'], 'usage: qsmnet-bids-phantom '),
     (['stage', '--help'], 'usage: qsmnet-bids-stage '),
     (['slurm', '--help'], 'usage: qsmnet-bids-slurm '),
     (['train', '--help'], 'usage: python -m training train ')],
)  # fmt: skip
def test_first_word_chooses_the_command(words, said):
    done = run(*words)
    assert (done.returncode, done.stdout.startswith(said)) == (0, True), done.stdout + done.stderr


def test_exit_code_is_that_of_the_command():
    assert run('stage', 'nothing').returncode == 2
    assert run('nothing', 'out', 'participant').returncode == 2


def test_dataset_may_have_the_name_of_a_command(tmp_path):
    (tmp_path / 'stage').mkdir()
    command = [sys.executable, ROOT / 'run.py', './stage', 'out', 'participant', '--dry-run']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'dataset_description.json' in done.stdout
