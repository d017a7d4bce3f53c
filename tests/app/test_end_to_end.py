"""The whole app on a small simulated dataset: from the command line to maps that are right."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.cli.phantom import main as simulate
from qsmnet_bids.metrics import correlation, slope_intercept

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def bids_dir(tmp_path_factory):
    """Two subjects, the second with a phase image that was cut off."""
    folder = tmp_path_factory.mktemp('dataset') / 'bids'
    assert simulate([str(folder), '--voxel-size', '4', '4', '4', '--subjects', '2']) == 0
    broken = folder / 'sub-02' / 'anat' / 'sub-02_echo-2_part-phase_MEGRE.nii.gz'
    broken.write_bytes(broken.read_bytes()[:1000])
    return folder


class App:
    """The app in a folder of its own, with an empty home."""

    def __init__(self, folder, bids_dir):
        self.folder, self.bids_dir, self.out = folder, bids_dir, folder / 'out'
        self.home, self.cwd = folder / 'home', folder / 'cwd'
        self.home.mkdir()
        self.cwd.mkdir()

    def __call__(self, *words):
        environment = {
            **os.environ,
            'HOME': str(self.home),
            'XDG_CACHE_HOME': str(self.home / '.cache'),
        }
        command = [sys.executable, ROOT / 'run.py', self.bids_dir, self.out, *words]
        work_dir = ['--work-dir', self.folder / 'work']
        return subprocess.run(
            [*map(str, command), *map(str, work_dir), '--nprocs', '2'],
            capture_output=True,
            text=True,
            cwd=self.cwd,
            env=environment,
            check=False,
            timeout=400,
        )


@pytest.fixture(scope='module')
def app(tmp_path_factory, bids_dir):
    return App(tmp_path_factory.mktemp('app'), bids_dir)


@pytest.fixture(scope='module')
def first(app):
    return app('participant', '--participant-label', '01', '--save-fields')


def test_run_ends_well(first):
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[-1] == 'qsmnet-bids: 1/1 runs done'


def test_outputs_are_there(app, first):
    assert first.returncode == 0
    anat, fmap = app.out / 'sub-01' / 'anat', app.out / 'sub-01' / 'fmap'
    (chimap,) = anat.glob('sub-01_desc-*_Chimap.nii.gz')
    names = {path.name for path in anat.glob('*.nii.gz')} - {chimap.name}
    maps = ('R2starmap', 'T2starmap', 'S0map', 'desc-brain_mask')
    assert names == {f'sub-01_{name}.nii.gz' for name in maps}
    assert len(list(fmap.glob('*_fieldmap.nii.gz'))) == 2
    for image in (*anat.glob('*.nii.gz'), *fmap.glob('*.nii.gz')):
        sidecar = json.loads(image.with_name(image.name[:-7] + '.json').read_text())
        assert 'SkullStripped' in sidecar
    assert len(list((app.out / 'sub-01' / 'figures').glob('*.png'))) == 11
    assert (app.out / 'sub-01.html').is_file()
    assert not list(app.out.rglob('*.tmp'))


def compared(app, bids_dir):
    """The map, the truth, and where both are known, which is most of the brain."""
    (chimap,) = (app.out / 'sub-01' / 'anat').glob('*_Chimap.nii.gz')
    truth_dir = bids_dir / 'derivatives' / 'truth' / 'sub-01' / 'anat'
    truth = nib.load(truth_dir / 'sub-01_desc-truth_Chimap.nii.gz').get_fdata()
    brain = nib.load(truth_dir / 'sub-01_desc-truth_mask.nii.gz').get_fdata() > 0
    chi = nib.load(chimap).get_fdata()
    mask = brain & (chi != 0)
    assert mask.sum() > 0.6 * brain.sum()
    return chi, truth, mask


def test_map_follows_the_truth(app, bids_dir, first):
    assert first.returncode == 0
    chi, truth, mask = compared(app, bids_dir)
    assert correlation(chi, truth, mask) > 0.6


def test_map_has_the_sign_and_scale_of_the_truth(app, bids_dir, first):
    assert first.returncode == 0
    chi, truth, mask = compared(app, bids_dir)
    slope, _ = slope_intercept(chi, truth, mask)
    assert 0.5 < slope < 1.5


def test_nothing_is_written_elsewhere(app, first):
    assert first.returncode == 0
    assert not list(app.home.iterdir())
    assert not list(app.cwd.iterdir())
    assert {path.name for path in app.folder.iterdir()} == {'home', 'cwd', 'out', 'work'}


def test_output_is_valid_bids(app, first):
    assert first.returncode == 0
    validator = Path(sys.executable).with_name('bids-validator-deno')
    if not validator.exists():
        pytest.skip('bids-validator-deno is not installed')
    done = subprocess.run(
        [validator, app.out, '--ignoreWarnings'], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_next_call_reuses_the_work(app, first):
    """Stages are not computed again; what is broken is told, and costs only itself."""
    assert first.returncode == 0
    (chimap,) = (app.out / 'sub-01' / 'anat').glob('*_Chimap.nii.gz')
    content = chimap.read_bytes()
    log = app.out / 'logs' / 'nipype.log'
    n_before = log.read_text().count('Executing "')
    shutil.rmtree(app.out / 'sub-01')

    second = app('participant', 'group', '--save-fields')

    assert second.returncode == 1
    assert 'sub-02_echo-2_part-phase_MEGRE.nii.gz' in second.stdout
    assert '1/2 runs done' in second.stdout.splitlines()[-1]
    assert chimap.read_bytes() == content
    executed = log.read_text().split('Executing "')[n_before + 1 :]
    assert sorted(text.split('"')[0] for text in executed) == [
        'write_derivatives',
        'write_figures',
    ]
    assert 'sub-01' in (app.out / 'group_megre.tsv').read_text()
    assert (app.out / 'group.html').is_file()
    assert (app.out / 'sub-02.html').is_file()


def test_low_memory_gives_the_same_map(tmp_path, app, bids_dir, first):
    assert first.returncode == 0
    other = App(tmp_path, bids_dir)
    done = other('participant', '--participant-label', '01', '--low-mem')
    assert done.returncode == 0, done.stdout + done.stderr
    (expected,) = (app.out / 'sub-01' / 'anat').glob('*_Chimap.nii.gz')
    (found,) = (other.out / 'sub-01' / 'anat').glob('*_Chimap.nii.gz')
    images = [np.asarray(nib.load(path).dataobj) for path in (found, expected)]
    np.testing.assert_allclose(*images, atol=1e-4)


def test_many_options_at_once(tmp_path, bids_dir):
    other = App(tmp_path, bids_dir)
    words = [
        *('--participant-label', '01', '--preset', 'classical', '--masking', 'otsu'),
        *('--inversion', 'medi', '--fieldmap', 'nonlinear_fit'),
        *('--two-pass', '--swi', '--reference', 'segmentation', '--segmentation', 'truth'),
        *('--reference-labels', '1', '--derivatives', bids_dir / 'derivatives' / 'truth'),
        *('--set', 'medi.max_iterations=1', '--set', 'romeo.weights=romeo6'),
        *('--set', 'lbv.tolerance=1e-2', '--set', 'otsu.fill=true', '--validate-output'),
    ]
    done = other('participant', *map(str, words))
    assert done.returncode == 0, done.stdout + done.stderr
    sidecar = json.loads((other.out / 'sub-01/anat/sub-01_desc-medi_Chimap.json').read_text())
    methods = {step['stage']: step['method'] for step in sidecar['Steps']}
    assert methods['unwrapping'] == 'romeo'
    assert methods['inversion'] == methods['first inversion'] == 'medi'
    assert sidecar['ReferenceRegion'] == 'region of the segmentation with the value 1'
    assert 'Susceptibility-weighted image' in (other.out / 'sub-01.html').read_text()
    (settings,) = (other.out / 'logs').glob('*.toml')
    assert 'preset = "classical"' in settings.read_text()


def test_data_that_do_not_suit_a_method_are_told_so(tmp_path, bids_dir):
    other = App(tmp_path, bids_dir)
    words = ('--background', 'resharp', '--set', 'resharp.radius=200')
    done = other('participant', '--participant-label', '01', *words)
    assert done.returncode == 1
    (line,) = [text for text in done.stdout.splitlines() if text.startswith('FAILED')]
    assert 'background' in line
    assert '200' in line
    assert 'Error' not in line.split(' (')[0]
