"""Small BIDS datasets for the tests of this folder."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (16, 17, 18)
ECHO_TIMES = (0.004, 0.012, 0.02)
AFFINE = np.array(
    [[0.9, 0.0, 0.1, -8.0], [0.0, 1.0, 0.0, -9.0], [-0.1, 0.0, 1.2, -7.0], [0.0, 0.0, 0.0, 1.0]]
)


def write_description(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    description = {'Name': 'test', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'}
    (root / 'dataset_description.json').write_text(json.dumps(description))


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, affine).to_filename(path)


def signal(n_echoes: int, shape=SHAPE, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    magnitude = [random.uniform(1, 100, shape).astype(np.float32) for _ in range(n_echoes)]
    phase = [random.uniform(-np.pi, np.pi, shape).astype(np.float32) for _ in range(n_echoes)]
    return magnitude, phase


def write_run(
    root: Path, name: str = 'sub-01', *, suffix: str = 'MEGRE', echo_times=ECHO_TIMES, **metadata
) -> Path:
    """Write a run and give its folder and the beginning of its names as one path."""
    if not (root / 'dataset_description.json').exists():
        write_description(root)
    entities = dict(pair.split('-', 1) for pair in name.split('_'))
    folder = root / f'sub-{entities["sub"]}'
    if 'ses' in entities:
        folder /= f'ses-{entities["ses"]}'
    prefix = folder / 'anat' / name
    magnitude, phase = signal(len(echo_times))
    common = {'MagneticFieldStrength': 3.0, 'Manufacturer': 'Siemens', 'FlipAngle': 15, **metadata}
    for echo, echo_time in enumerate(echo_times, start=1):
        for part, array in (('mag', magnitude[echo - 1]), ('phase', phase[echo - 1])):
            stem = f'{name}_echo-{echo}_part-{part}_{suffix}'
            write_nifti(prefix.parent / f'{stem}.nii.gz', array)
            sidecar = common | {'EchoTime': echo_time, 'EchoNumber': echo}
            if part == 'phase':
                sidecar['Units'] = 'rad'
            write_json(prefix.parent / f'{stem}.json', sidecar)
    return prefix


def image(prefix: Path, echo: int, part: str, suffix: str = 'MEGRE') -> Path:
    return prefix.parent / f'{prefix.name}_echo-{echo}_part-{part}_{suffix}.nii.gz'


def sidecar(prefix: Path, echo: int, part: str, suffix: str = 'MEGRE') -> Path:
    return prefix.parent / f'{prefix.name}_echo-{echo}_part-{part}_{suffix}.json'


def edit_sidecar(path: Path, *, remove: tuple[str, ...] = (), **changes) -> None:
    content = json.loads(path.read_text()) | changes
    write_json(path, {key: value for key, value in content.items() if key not in remove})
