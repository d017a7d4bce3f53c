"""A simulated raw BIDS dataset with its ground truth."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from qsmnet_bids import __version__
from qsmnet_bids.phantom.brain import BrainPhantom, brain_phantom
from qsmnet_bids.phantom.files import (
    Metadata,
    PhaseFormat,
    encode_phase,
    write_image,
    write_json,
    write_text,
)
from qsmnet_bids.phantom.signal import (
    ECHO_TIMES,
    FLIP_ANGLE_DEG,
    NOISE,
    Simulation,
    repetition_time,
    simulate,
)
from qsmnet_bids.phantom.template import template_folder
from qsmnet_bids.phantom.truth import write_truth, write_truth_description
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.vectors import Vector

README = """\
# Simulated multi-echo gradient-echo dataset

Made by qsmnet-bids-phantom {version}. Heads with the brain of the MNI152 template, deep grey
nuclei, veins, one calcification and one haemorrhage; the field is that of all sources, air too.
`derivatives/truth` has the susceptibility and the fields that the images were made from.

A paramagnetic source advances the phase: phase = offset + 2 pi f TE with f = {hz:.3f} Hz per ppm.
Phase is stored as: {phase_format}.
"""


@dataclass(frozen=True)
class Plan:
    """What a simulated dataset is to hold.

    Parameters
    ----------
    n_subjects
        At least 1.
    n_sessions
        0 for a dataset without sessions.
    echo_times
        s.
    b0
        T.
    voxel_size
        mm.
    oblique
        Tilt of the head and the volume about the left-right axis, degrees.
    noise
        Standard deviation of real and imaginary part, relative to white matter.
    phase_format
        How the phase is stored.
    seed
        The same seed makes the same bytes.
    """

    n_subjects: int = 1
    n_sessions: int = 0
    echo_times: tuple[float, ...] = ECHO_TIMES
    b0: float = 3.0
    voxel_size: Vector = (1.0, 1.0, 1.0)
    oblique: float = 0.0
    noise: float = NOISE
    phase_format: PhaseFormat = 'radian'
    seed: int = 0


def write_dataset(output_dir: Path, plan: Plan) -> Iterator[str]:
    """Write the dataset, one acquisition at a time.

    Parameters
    ----------
    output_dir
        Folder that is missing or empty.
    plan
        What to write.

    Yields
    ------
        Name of each acquisition, such as ``sub-01_ses-01``, once its files are there.
    """
    template_folder()  # fails before anything is written
    _write_top(output_dir, plan)
    width = max(2, len(str(plan.n_subjects)))
    for subject in range(1, plan.n_subjects + 1):
        sessions = range(1, plan.n_sessions + 1) if plan.n_sessions else (0,)
        for session in sessions:
            labels = [f'sub-{subject:0{width}}'] + ([f'ses-{session:02}'] if session else [])
            _write_acquisition(output_dir, labels, plan, subject_seed(plan.seed, subject), session)
            yield '_'.join(labels)


def subject_seed(seed: int, subject: int) -> int:
    """Give the seed of ``brain_phantom`` and ``simulate`` for one subject of a dataset.

    Parameters
    ----------
    seed
        Of the dataset.
    subject
        Number, from 1.
    """
    return seed * 100_000 + subject


def session_seed(seed: int, session: int) -> int:
    """Give the seed of ``simulate`` for one session.

    Parameters
    ----------
    seed
        Of the subject.
    session
        Number, from 1; 0 where there are no sessions.
    """
    return seed * 1000 + session


def _write_top(output_dir: Path, plan: Plan) -> None:
    description = {
        'Name': 'Simulated multi-echo gradient-echo dataset',
        'BIDSVersion': '1.10.0',
        'DatasetType': 'raw',
        'License': 'CC0',
        'Authors': ['qsmnet-bids-phantom'],
        'GeneratedBy': [{'Name': 'qsmnet-bids-phantom', 'Version': __version__}],
    }
    write_json(output_dir / 'dataset_description.json', description)
    readme = README.format(
        version=__version__, hz=hz_per_ppm(plan.b0), phase_format=plan.phase_format
    )
    write_text(output_dir / 'README.md', readme)
    width = max(2, len(str(plan.n_subjects)))
    rows = [f'sub-{subject:0{width}}' for subject in range(1, plan.n_subjects + 1)]
    write_text(output_dir / 'participants.tsv', '\n'.join(['participant_id', *rows]) + '\n')
    write_truth_description(output_dir / 'derivatives' / 'truth')


def _write_acquisition(
    output_dir: Path, labels: list[str], plan: Plan, seed: int, session: int
) -> None:
    phantom = brain_phantom(
        voxel_size=plan.voxel_size, oblique=plan.oblique, seed=seed, session=session
    )
    simulation = simulate(
        phantom,
        echo_times=plan.echo_times,
        b0=plan.b0,
        noise=plan.noise,
        seed=session_seed(seed, session),
    )
    _write_echoes(output_dir.joinpath(*labels), '_'.join(labels), plan, phantom, simulation)
    write_truth(output_dir / 'derivatives' / 'truth', labels, phantom, simulation)


def _write_echoes(
    folder: Path, name: str, plan: Plan, phantom: BrainPhantom, simulation: Simulation
) -> None:
    affine, echoes = phantom.grid.affine, simulation.echoes
    units = 'rad' if plan.phase_format == 'radian' else 'arbitrary'

    def write(i: int) -> None:
        stem = folder / 'anat' / f'{name}_echo-{i + 1}_part'
        metadata = _metadata(plan.echo_times[i], plan)
        magnitude = np.rint(echoes.magnitude[i].numpy()).clip(0, 32767).astype(np.int16)
        write_image(Path(f'{stem}-mag_MEGRE.nii.gz'), magnitude, affine)
        write_json(Path(f'{stem}-mag_MEGRE.json'), metadata)
        phase = encode_phase(echoes.phase[i].numpy(), plan.phase_format)
        write_image(Path(f'{stem}-phase_MEGRE.nii.gz'), phase, affine)
        write_json(Path(f'{stem}-phase_MEGRE.json'), {**metadata, 'Units': units})

    # compressing takes most of the time and leaves the interpreter free
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(write, range(len(plan.echo_times))))


def _metadata(echo_time: float, plan: Plan) -> Metadata:
    return {
        'EchoTime': echo_time,
        'RepetitionTimeExcitation': repetition_time(plan.echo_times),
        'FlipAngle': FLIP_ANGLE_DEG,
        'MagneticFieldStrength': plan.b0,
        'ImagingFrequency': hz_per_ppm(plan.b0),
        'Manufacturer': 'Simulated',
        'ManufacturersModelName': 'qsmnet-bids-phantom',
        'SoftwareVersions': __version__,
        'PulseSequenceType': 'Spoiled Gradient Echo',
        'MRAcquisitionType': '3D',
    }
