"""Small BIDS datasets for the tests of this folder."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SHAPE = (16, 17, 18)
ECHO_TIMES = (0.004, 0.012, 0.02)
AFFINE = np.array(
    [[0.9, 0.0, 0.1, -8.0], [0.0, 1.0, 0.0, -9.0], [-0.1, 0.0, 1.2, -7.0], [0.0, 0.0, 0.0, 1.0]]
)


@dataclass(frozen=True)
class Dataset:
    """A raw dataset whose files the tests write, damage and remove."""

    root: Path

    def write_description(self) -> None:
        self.write_json('dataset_description.json', {'Name': 'test', 'BIDSVersion': '1.10.0'})

    def write_json(self, name: str, content: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    def write_image(self, path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.Nifti1Image(array, affine).to_filename(path)
        return path

    def path(self, stem: str, extension: str = '.nii.gz') -> Path:
        entities = dict(pair.split('-', 1) for pair in stem.split('_')[:-1])
        folder = self.root / f'sub-{entities["sub"]}'
        if 'ses' in entities:
            folder /= f'ses-{entities["ses"]}'
        return folder / 'anat' / f'{stem}{extension}'

    def image(self, run: str, echo: int, part: str, suffix: str = 'MEGRE') -> Path:
        return self.path(f'{run}_echo-{echo}_part-{part}_{suffix}')

    def sidecar(self, run: str, echo: int, part: str, suffix: str = 'MEGRE') -> Path:
        return self.path(f'{run}_echo-{echo}_part-{part}_{suffix}', '.json')

    def edit_sidecars(
        self, run: str, parts=('mag', 'phase'), echoes=(1, 2, 3), *, remove=(), **changes
    ) -> None:
        for part in parts:
            for echo in echoes:
                path = self.sidecar(run, echo, part)
                content = json.loads(path.read_text()) | changes
                path.write_text(json.dumps({k: v for k, v in content.items() if k not in remove}))

    def add_run(
        self, run: str = 'sub-01', *, suffix='MEGRE', echo_times=ECHO_TIMES, shape=SHAPE, **fields
    ) -> str:
        """Write all images and sidecars of a run, and give its name back."""
        if not (self.root / 'dataset_description.json').exists():
            self.write_description()
        random = np.random.default_rng(0)
        for echo, echo_time in enumerate(echo_times, start=1):
            magnitude = random.uniform(1, 100, shape).astype(np.float32)
            phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
            common = {'MagneticFieldStrength': 3, 'Manufacturer': 'Siemens', 'EchoTime': echo_time}
            self.write_image(self.image(run, echo, 'mag', suffix), magnitude)
            self.write_image(self.image(run, echo, 'phase', suffix), phase)
            for part, units in (('mag', {}), ('phase', {'Units': 'rad'})):
                path = self.sidecar(run, echo, part, suffix)
                path.write_text(json.dumps(common | units | fields))
        return run


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Give an empty dataset."""
    return Dataset(tmp_path / 'raw')
