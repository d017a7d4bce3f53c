import importlib.util
import subprocess
import sys

import pytest

from qsmnet_bids.cli.phantom import build_parser, main
from qsmnet_bids.phantom.dataset import Plan
from qsmnet_bids.phantom.files import PHASE_FORMATS


def test_dataset_is_written_as_asked(tmp_path, capsys):
    out = tmp_path / 'raw'
    arguments = '--voxel-size 8 8 8 --subjects 2 --echo-times 0.01 --field-strength 7'
    assert main([str(out), *arguments.split(), '--phase-format', 'integer']) == 0
    images = sorted(path.name for path in out.glob('sub-*/anat/*.nii.gz'))
    assert images == [
        f'sub-0{subject}_echo-1_part-{part}_MEGRE.nii.gz'
        for subject in (1, 2)
        for part in ('mag', 'phase')
    ]
    assert (out / 'participants.tsv').read_text() == 'participant_id\nsub-01\nsub-02\n'
    assert capsys.readouterr().out.splitlines()[-1].endswith(f'2 acquisitions in {out}')


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [('--echo-times 4 12', '--echo-times 0.004 0.012'), ('--echo-times 0.01 0.01', 'increasing'),
     ('--echo-times -0.1', 'above 0'), ('--field-strength 0', '0.05 to 20'),
     ('--field-strength 3000', '0.05 to 20'), ('--voxel-size 1 1 0', '0.3 to 10'),
     ('--voxel-size nan 1 1', '0.3 to 10'), ('--oblique 200', '-90 to 90'),
     ('--noise -1', '0 to 1'), ('--subjects 0', '--subjects: found 0'),
     ('--sessions -1', '--sessions: found -1'), ('--seed -1', '--seed')],
)  # fmt: skip
def test_absurd_arguments_are_refused_with_a_remedy(tmp_path, capsys, arguments, expected):
    out = tmp_path / 'raw'
    assert main([str(out), *arguments.split()]) == 2
    assert expected in capsys.readouterr().err
    assert not out.exists()


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / 'mine.txt').write_text('precious')
    assert main([str(tmp_path)]) == 2
    assert 'not an empty folder' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_missing_nilearn_is_one_sentence_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name == 'nilearn' else find_spec(name)
    )
    assert main([str(tmp_path / 'raw'), '--voxel-size', '8', '8', '8']) == 1
    assert 'qsmnet-bids[phantom]' in capsys.readouterr().err
    assert not (tmp_path / 'raw').exists()


def test_defaults_are_those_of_the_library():
    arguments, plan = build_parser().parse_args(['out']), Plan()
    assert tuple(arguments.echo_times) == plan.echo_times
    assert tuple(arguments.voxel_size) == plan.voxel_size
    assert (arguments.subjects, arguments.sessions) == (plan.n_subjects, plan.n_sessions)
    assert (arguments.field_strength, arguments.oblique) == (plan.b0, plan.oblique)
    assert (arguments.noise, arguments.seed) == (plan.noise, plan.seed)
    assert arguments.phase_format == plan.phase_format
    actions = {action.dest: action for action in build_parser()._actions}
    assert actions['phase_format'].choices == PHASE_FORMATS


def test_help_does_not_wait_for_torch():
    code = (
        'import sys, qsmnet_bids.cli.phantom as p; p.build_parser(); '
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, '-c', code], check=False)
    assert done.returncode == 0
