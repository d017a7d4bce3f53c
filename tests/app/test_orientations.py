"""COSMOS by the app: three orientations of one head become one map."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import pytest

from qsmnet_bids.cli.phantom import main as simulate
from qsmnet_bids.metrics import correlation, slope_intercept

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TILTS = {'1': '0', '2': '35', '3': '-35'}
"""Degrees by run."""


@pytest.fixture(scope='module')
def bids_dir(tmp_path_factory):
    """One subject with a run for each tilt of the head."""
    folder = tmp_path_factory.mktemp('tilts')
    dataset = folder / 'bids'
    for run, tilt in TILTS.items():
        words = [str(folder / run), '--voxel-size', '3', '3', '3', '--oblique', tilt]
        assert simulate(words) == 0
        if not dataset.exists():
            shutil.copytree(folder / run, dataset, ignore=lambda *_: {'sub-01'})
            (dataset / 'sub-01' / 'anat').mkdir(parents=True)
        for path in (folder / run / 'sub-01' / 'anat').iterdir():
            name = path.name.replace('sub-01_', f'sub-01_run-{run}_')
            shutil.copy(path, dataset / 'sub-01' / 'anat' / name)
    truth = folder / '1' / 'derivatives' / 'truth' / 'sub-01'
    shutil.copytree(truth, folder / 'truth')
    return dataset


def app(bids_dir, *words):
    out, work = bids_dir.parent / 'out', bids_dir.parent / 'work'
    command = [sys.executable, ROOT / 'run.py', bids_dir, out, 'participant', *words]
    options = ['--inversion', 'cosmos', '--work-dir', work, '--nprocs', '2']
    return subprocess.run(
        [str(word) for word in (*command, *options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_three_tilts_become_one_map_that_follows_the_truth(bids_dir):
    done = app(bids_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == 'qsmnet-bids: 1/1 runs done'

    anat = bids_dir.parent / 'out' / 'sub-01' / 'anat'
    (path,) = anat.glob('*_Chimap.nii.gz')
    assert path.name == 'sub-01_desc-cosmos_Chimap.nii.gz'
    truth_dir = bids_dir.parent / 'truth' / 'anat'
    truth = nib.load(truth_dir / 'sub-01_desc-truth_Chimap.nii.gz')
    brain = nib.load(truth_dir / 'sub-01_desc-truth_mask.nii.gz').get_fdata() > 0
    image = nib.load(path)
    chi = image.get_fdata()
    mask = brain & (chi != 0)
    assert mask.sum() > 0.6 * brain.sum()
    assert correlation(chi, truth.get_fdata(), mask) > 0.8
    slope, _ = slope_intercept(chi, truth.get_fdata(), mask)
    assert 0.7 < slope < 1.3

    sidecar = json.loads((anat / 'sub-01_desc-cosmos_Chimap.json').read_text())
    assert len(sidecar['Sources']) == 3 * 2 * len(sidecar['EchoTime'])
    steps = {step['stage']: step for step in sidecar['Steps']}
    assert steps['inversion']['method'] == 'cosmos'
    assert steps['inversion']['convergence']['converged']
    told = steps['registration']['parameters']
    assert told['least_angle_deg'] == pytest.approx(35, abs=1.5)
    assert 1 < told['condition_number'] < 30
    assert {'B0_dir_1', 'B0_dir_2', 'B0_dir_3'} <= told.keys()
    page = (bids_dir.parent / 'out' / 'sub-01.html').read_text()
    assert 'COSMOS' in page


def test_a_filter_that_leaves_one_orientation_is_told_what_is_missing(bids_dir, tmp_path):
    chosen = tmp_path / 'filter.json'
    chosen.write_text(json.dumps({'megre_mag': {'run': 1}, 'megre_phase': {'run': 1}}))
    done = app(bids_dir, '--dry-run', '--bids-filter-file', chosen)
    assert done.returncode == 1
    assert 'at least 2 orientations' in done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
