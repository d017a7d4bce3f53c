import json
import subprocess
import sys

import pytest

from tests.training.tiny import ROOT, write_recipe
from training.__main__ import main

BLOCKED = ('nibabel', 'nipype', 'bids', 'nilearn', 'matplotlib')
WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
from training.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp('main')
    recipe = write_recipe(folder, steps=2)
    assert main(['train', str(recipe), '--run-dir', str(folder / 'run'), '--device', 'cpu']) == 0
    return folder / 'run'


def test_a_run_goes_through_pack_unpack_export_evaluate_and_compare(run_dir, tmp_path, capsys):
    assert main(['pack', str(run_dir), str(tmp_path / 'packed')]) == 0
    elsewhere = tmp_path / 'runs' / 'elsewhere'
    assert main(['unpack', str(tmp_path / 'packed'), str(elsewhere)]) == 0
    assert (elsewhere / 'checkpoint.pt').read_bytes() == (run_dir / 'checkpoint.pt').read_bytes()
    assert main(['export', str(elsewhere), '--output', str(tmp_path / 'weights')]) == 0
    capsys.readouterr()
    card = tmp_path / 'weights' / 'tiny.json'
    assert main(['evaluate', str(card), '--device', 'cpu']) == 0
    assert json.loads(capsys.readouterr().out)['recipe'] == 'tiny'
    assert main(['compare', str(run_dir.parent)]) == 0
    assert (run_dir.parent / 'runs.html').exists()


def test_unpacking_does_not_overwrite_a_run_unasked(run_dir, tmp_path, capsys):
    main(['pack', str(run_dir), str(tmp_path)])
    assert main(['unpack', str(tmp_path), str(run_dir)]) == 1
    assert '--force replaces it' in capsys.readouterr().err
    assert main(['unpack', str(tmp_path), str(run_dir), '--force']) == 0


def test_a_changed_recipe_ends_in_one_sentence(run_dir, tmp_path, capsys):
    recipe = write_recipe(tmp_path, steps=2)
    recipe.write_text(recipe.read_text().replace('seed = 3', 'seed = 4'))
    assert main(['train', str(recipe), '--run-dir', str(run_dir), '--device', 'cpu']) == 1
    assert 'seed was 3 and is 4' in capsys.readouterr().err


def test_time_that_is_over_leaves_a_run_that_goes_on(tmp_path):
    recipe = write_recipe(tmp_path, steps=3)
    options = ['train', str(recipe), '--run-dir', str(tmp_path / 'run'), '--device', 'cpu']
    assert main([*options, '--max-minutes', '0']) == 75
    assert main(options) == 0


def test_the_list_has_all_recipes_with_their_costs(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr('training.__main__.RECIPES_DIR', tmp_path)
    write_recipe(tmp_path, steps=10)
    assert main(['list']) == 0
    shown = capsys.readouterr().out
    assert 'tiny: ' in shown
    assert 'H200' in shown
    assert 'assumed, not measured' in shown


@pytest.mark.slow
def test_training_needs_no_package_of_neuroimaging(tmp_path):
    code = WITHOUT.replace('{blocked}', repr(set(BLOCKED)))
    recipe = write_recipe(tmp_path, steps=2)
    arguments = ['train', str(recipe), '--run-dir', str(tmp_path / 'run'), '--device', 'cpu']
    done = subprocess.run(
        [sys.executable, '-c', code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'run' / 'checkpoint.pt').exists()


def test_samples_are_written_as_images(tmp_path, capsys):
    recipe = write_recipe(tmp_path, steps=1)
    words = ['samples', str(recipe), '--export', '2', '--output', str(tmp_path / 'out')]
    assert main(words) == 0
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert {'0000_field.nii', '0000_label.nii', '0001_mask.nii'} <= names
    assert main([*words, '--export', '0']) == 1
    assert '--export 0: n must be at least 1' in capsys.readouterr().err
