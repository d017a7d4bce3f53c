import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.dataset import Plan, session_seed, subject_seed, write_dataset
from qsmnet_bids.phantom.signal import simulate
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.orientation import b0_dir_from_affine, voxel_size_from_affine

PLAN = Plan(
    n_subjects=1,
    n_sessions=1,
    echo_times=(0.005, 0.015),
    voxel_size=(6.0, 5.0, 6.0),
    oblique=20.0,
    phase_format='signed',
    seed=11,
)
RAW = 'sub-01/ses-01/anat/sub-01_ses-01_echo-{}_part-{}_MEGRE'
TRUTH = 'derivatives/truth/sub-01/ses-01/{}/sub-01_ses-01_{}'


@pytest.fixture(scope='module')
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('simulated') / 'raw'
    assert list(write_dataset(folder, PLAN)) == ['sub-01_ses-01']
    return folder


def volume(dataset: Path, stem: str) -> np.ndarray:
    return np.asarray(nib.Nifti1Image.from_filename(dataset / f'{stem}.nii.gz').dataobj)


def sidecar(dataset: Path, stem: str) -> dict:
    return json.loads((dataset / f'{stem}.json').read_text())


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_same_seed_makes_the_same_bytes(dataset, tmp_path):
    list(write_dataset(tmp_path / 'again', PLAN))
    assert digests(tmp_path / 'again') == digests(dataset)


def test_files_hold_what_the_library_simulates(dataset):
    seed = subject_seed(11, 1)
    phantom = brain_phantom(voxel_size=PLAN.voxel_size, oblique=PLAN.oblique, seed=seed, session=1)
    simulation = simulate(phantom, echo_times=PLAN.echo_times, seed=session_seed(seed, 1))
    magnitude = volume(dataset, RAW.format(2, 'mag'))
    np.testing.assert_allclose(magnitude, simulation.echoes.magnitude[1], atol=0.51)
    phase = volume(dataset, RAW.format(2, 'phase')) * np.pi / 4096
    error = np.angle(np.exp(1j * (phase - simulation.echoes.phase[1].numpy())))
    assert np.abs(error).max() < np.pi / 4096


def test_sidecars_are_in_seconds_and_tesla(dataset):
    phase = sidecar(dataset, RAW.format(2, 'phase'))
    assert (phase['EchoTime'], phase['MagneticFieldStrength']) == (0.015, 3.0)
    assert phase['Units'] == 'arbitrary'
    assert 'Units' not in sidecar(dataset, RAW.format(1, 'mag'))


def test_all_images_share_one_oblique_affine(dataset):
    affines = [
        nib.Nifti1Image.from_filename(path).affine for path in sorted(dataset.rglob('*.nii.gz'))
    ]
    assert len(affines) == 4 + 7
    for affine in affines:
        np.testing.assert_array_equal(affine, affines[0])
    assert voxel_size_from_affine(affines[0]) == pytest.approx(PLAN.voxel_size)
    tilt = np.radians(20)
    assert b0_dir_from_affine(affines[0]) == pytest.approx((0, np.sin(tilt), np.cos(tilt)))


def test_truths_agree_with_each_other(dataset):
    chi = volume(dataset, TRUTH.format('anat', 'desc-truth_Chimap'))
    mask = volume(dataset, TRUTH.format('anat', 'desc-truth_mask'))
    labels = volume(dataset, TRUTH.format('anat', 'desc-truth_dseg'))
    local = volume(dataset, TRUTH.format('fmap', 'desc-local_fieldmap'))
    metadata = sidecar(dataset, TRUTH.format('anat', 'desc-truth_Chimap'))
    np.testing.assert_array_equal(labels > 0, mask == 1)
    assert not chi[mask == 0].any()
    assert metadata['MeanInMask'] == pytest.approx(float(chi[mask == 1].mean()), abs=1e-6)
    field = forward_field(
        torch.from_numpy(chi.astype(np.float32)),
        voxel_size=PLAN.voxel_size,
        b0_dir=tuple(metadata['B0_dir']),
    )
    np.testing.assert_allclose(local, field.numpy() * mask, atol=3e-4)


def test_table_names_every_label(dataset):
    table = (dataset / 'derivatives/truth/desc-truth_dseg.tsv').read_text().splitlines()
    assert table[0] == 'index\tname'
    indices = {int(row.split('\t')[0]) for row in table[1:]}
    labels = volume(dataset, TRUTH.format('anat', 'desc-truth_dseg'))
    assert set(np.unique(labels).tolist()) <= indices


@pytest.mark.slow
def test_validator_accepts_dataset_and_truth(dataset):
    beside = Path(sys.executable).parent / 'bids-validator-deno'
    program = str(beside) if beside.exists() else shutil.which('bids-validator-deno')
    if program is None:
        pytest.skip('bids-validator-deno is not installed')
    for arguments in (['--recursive', str(dataset)], [str(dataset / 'derivatives/truth')]):
        done = subprocess.run(
            [program, '--ignoreWarnings', *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
