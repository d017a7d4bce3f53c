"""How soon the app gets to work in a large dataset of which one subject is asked for."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks import app
from benchmarks.heads import B0
from qsmnet_bids.phantom.signal import ECHO_TIMES

N_SUBJECTS, SESSIONS = 200, ('a', 'b')
SHAPE = (32, 32, 32)


@dataclass(frozen=True)
class Row:
    """Wall times from the start of the process.

    Parameters
    ----------
    files
        In the dataset.
    dry_run
        The whole ``--dry-run`` with one label, s: start, query, checks.
    first_work
        Until the first node of the workflow has begun, s.
    """

    files: int
    dry_run: float
    first_work: float


def query(scratch: Path, *, n_subjects: int = N_SUBJECTS) -> Row:
    """Write a dataset, ask for one of its subjects, and take the time.

    Parameters
    ----------
    scratch
        Folder for all that is written.
    n_subjects
        Two sessions each.
    """
    bids_dir = scratch / 'bids'
    n_files = write_dataset(bids_dir, n_subjects=n_subjects)
    label = ('--participant-label', f'{n_subjects // 2:03d}', '--session-label', SESSIONS[0])
    words = app.command(bids_dir, scratch / 'out', scratch / 'work', *label)
    dry_run = app.run([*words, '--dry-run'], scratch / 'dry-run.log')
    return Row(n_files, dry_run, _first_work(words, scratch / 'work', scratch / 'app.log'))


def write_dataset(bids_dir: Path, *, n_subjects: int) -> int:
    """Write a dataset of small images, all of them links to the same few.

    Parameters
    ----------
    bids_dir
        Its root, which must not be there yet.
    n_subjects
        Labels 001 and up.

    Returns
    -------
        Number of files.
    """
    originals = _originals(bids_dir / 'sourcedata')
    description = {'Name': 'large', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'}
    (bids_dir / 'dataset_description.json').write_text(json.dumps(description))
    n_files = 1
    for number in range(1, n_subjects + 1):
        for session in SESSIONS:
            folder = bids_dir / f'sub-{number:03d}' / f'ses-{session}' / 'anat'
            folder.mkdir(parents=True)
            for original in originals:
                os.link(original, folder / f'sub-{number:03d}_ses-{session}_{original.name}')
            n_files += len(originals)
    return n_files


def _originals(folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for echo, echo_time in enumerate(ECHO_TIMES, start=1):
        for part, low, high in (('mag', 0, 100), ('phase', -np.pi, np.pi)):
            stem = f'echo-{echo}_part-{part}_MEGRE'
            array = rng.uniform(low, high, SHAPE).astype(np.float32)
            nib.Nifti1Image(array, np.eye(4)).to_filename(folder / f'{stem}.nii.gz')
            sidecar = {'EchoTime': echo_time, 'MagneticFieldStrength': B0, 'Units': 'rad'}
            (folder / f'{stem}.json').write_text(json.dumps(sidecar))
    return sorted(folder.iterdir())


def _first_work(words: list[str], work_dir: Path, log: Path) -> float:
    start = time.perf_counter()
    with log.open('w') as file:
        process = subprocess.Popen(  # noqa: S603 - our own words
            words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        # a node that begins writes this file into its folder
        while not any(work_dir.rglob('_inputs.pklz')):
            if process.poll() is not None:
                raise RuntimeError(f'the app ended before any node began:\n{log.read_text()}')
            time.sleep(0.02)
        return time.perf_counter() - start
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
