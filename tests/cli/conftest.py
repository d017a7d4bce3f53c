"""A BIDS dataset small enough for the real workflow: balls in a ball, two subjects."""

import getpass
import json
import os
import shutil
import subprocess

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids.cli.cluster_plan import plan_from_arguments
from qsmnet_bids.cli.cluster_scripts import write_folder
from qsmnet_bids.physics.dipole import forward_field

SHAPE = (40, 38, 36)
VOXEL_SIZE = (2.0, 2.0, 2.0)
ECHO_TIMES = (0.005, 0.012)
B0 = 3.0


@pytest.fixture(scope='session')
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp('dataset') / 'raw'
    root.mkdir()
    description = {'Name': 'balls', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'}
    (root / 'dataset_description.json').write_text(json.dumps(description))
    for number, label in enumerate(('01', '02')):
        _write_subject(root / f'sub-{label}' / 'anat', label, seed=number)
    return root


@pytest.fixture
def raw(template, tmp_path):
    """A copy of the dataset that a test may spoil."""
    return shutil.copytree(template, tmp_path / 'raw')


@pytest.fixture
def dataset(raw, tmp_path):
    """The dataset in a folder whose name asks for quotes."""
    folder = tmp_path / 'it\'s "my", data $HOME'
    shutil.move(raw, folder)
    return folder


@pytest.fixture
def words(dataset, tmp_path):
    """What asks for scripts for a cluster."""
    return [str(dataset), str(tmp_path / 'the output'), '--command', 'true']


@pytest.fixture
def folder(words):
    """Scripts for two subjects."""
    plan = plan_from_arguments(words)
    write_folder(plan, ['01', '02'])
    return plan.folder


@pytest.fixture(scope='session')
def slurm():
    """The Slurm that answers here."""
    if shutil.which('sbatch') is None:
        pytest.skip('Slurm is not installed')
    answer = subprocess.run(
        ['sinfo', '--noheader', '--format=%T'], capture_output=True, text=True, check=False
    )
    if answer.returncode or not {'idle', 'mixed', 'allocated'} & set(answer.stdout.split()):
        pytest.skip(f'no Slurm answers: {answer.stderr.strip() or answer.stdout.strip()}')
    os.environ.setdefault('LOGNAME', getpass.getuser())


def _write_subject(folder, label, *, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(
        *((np.arange(n) - n / 2) * size for n, size in zip(SHAPE, VOXEL_SIZE, strict=True)),
        indexing='ij',
    )
    radius = np.sqrt(x**2 + y**2 + z**2)
    head = radius < 28
    chi = 0.2 * (np.sqrt((x - 8) ** 2 + y**2 + z**2) < 6) - 0.1 * (radius < 5)
    field = forward_field(
        torch.from_numpy(chi.astype(np.float32)), voxel_size=VOXEL_SIZE, b0_dir=(0, 0, 1)
    ).numpy()
    rate = 2 * np.pi * 42.576 * B0 * (field + 0.002 * z)
    affine = np.diag([*VOXEL_SIZE, 1.0])
    for echo, time in enumerate(ECHO_TIMES, start=1):
        signal = 1000 * head * np.exp(1j * rate * time - 20 * time)
        signal += rng.normal(0, 5, (2, *SHAPE)).T.reshape(*SHAPE, 2) @ np.array([1, 1j])
        for part, values in (('mag', np.abs(signal)), ('phase', np.angle(signal))):
            name = f'sub-{label}_echo-{echo}_part-{part}_MEGRE'
            image = nib.Nifti1Image(values.astype(np.float32), affine)
            image.to_filename(folder / f'{name}.nii.gz')
            sidecar = {'EchoTime': time, 'MagneticFieldStrength': B0}
            sidecar |= {'Units': 'rad'} if part == 'phase' else {}
            (folder / f'{name}.json').write_text(json.dumps(sidecar))
