"""A folder of plain NIfTI files and ``params.json``: what ``qsmnet-bids-stage`` reads and writes.

Names, units and axes are those of the public benchmark QSM-CI: ``phase`` (rad) and ``magnitude``
with echoes as last axis, ``mask``, ``totalfield``, ``localfield`` and ``chimap`` (ppm), and
``params.json`` with ``TE`` (s), ``B0`` (T), ``B0_dir`` (unit vector in voxel axes) and
``voxel_size`` (mm).
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from nibabel.filebasedimages import ImageFileError

from qsmnet_bids.errors import InputError, Problem
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.tensors import Echoes, LocalField, Mask, MultiEcho, TotalField, Volume
from qsmnet_bids.vectors import Vector

EXTENSIONS = ('.nii', '.nii.gz')
LONGEST_ECHO_TIME = 1.0
"""s; a longer one must be in milliseconds."""


@dataclass(frozen=True)
class Artifacts:
    """The files of one case.

    Parameters
    ----------
    folder
        Where they are.
    device
        To which tensors are read.
    """

    folder: Path
    device: torch.device

    def find(self, name: str) -> Path:
        """Find the image called ``name``, compressed or not."""
        for extension in EXTENSIONS:
            if (self.folder / f'{name}{extension}').is_file():
                return self.folder / f'{name}{extension}'
        raise _error(
            self.folder / f'{name}.nii',
            'file',
            'is missing',
            'this stage needs it, or it as .nii.gz',
        )

    def multi_echo(self) -> MultiEcho:
        """Read phase, magnitude and the parameters of the acquisition."""
        phase, magnitude = self._echoes('phase'), self._echoes('magnitude')
        if phase.shape != magnitude.shape:
            found = f'{tuple(phase.shape)}, but magnitude {tuple(magnitude.shape)} (echo first)'
            raise _error(self.find('phase'), 'shape', found, 'both must have the same shape')
        return self._acquired(magnitude, phase)

    def _acquired(self, magnitude: Echoes, phase: Echoes) -> MultiEcho:
        echo_times = self._numbers('TE', n=magnitude.shape[0])
        if any(time <= 0 for time in np.diff((0.0, *echo_times))) or max(echo_times) > (
            LONGEST_ECHO_TIME
        ):
            found, remedy = f'{list(echo_times)}', 'expected increasing seconds; milliseconds?'
            raise _error(self._params, 'TE', found, remedy)
        (b0,) = self._numbers('B0', n=1)
        return MultiEcho(magnitude, phase, echo_times, b0, self.b0_dir, self.voxel_size)

    def mask(self) -> Mask:
        """Read the mask; what is not zero is inside."""
        return self._volume('mask') != 0

    def total_field(self, *, with_magnitude: bool = False) -> TotalField:
        """Read the total field; nothing is known of its noise, which is taken as uniform."""
        field, noise, mask = self._field('totalfield')
        magnitude, r2star = self._of_magnitude(mask) if with_magnitude else (None, None)
        geometry = (self.voxel_size, self.b0_dir)
        return TotalField(field, noise, mask, *geometry, magnitude=magnitude, r2star=r2star)

    def local_field(self, *, with_magnitude: bool = False) -> LocalField:
        """Read the local field; nothing is known of its noise, which is taken as uniform."""
        field, noise, mask = self._field('localfield')
        magnitude, r2star = self._of_magnitude(mask) if with_magnitude else (None, None)
        geometry = (self.voxel_size, self.b0_dir)
        return LocalField(field, noise, mask, *geometry, magnitude=magnitude, r2star=r2star)

    def _of_magnitude(self, mask: Mask) -> tuple[Volume, Volume | None]:
        """Read the magnitude of all echoes in one, and R2* where there are several."""
        magnitude = self._echoes('magnitude')
        if magnitude.shape[1:] != mask.shape:
            found = f'{tuple(magnitude.shape[1:])}, but mask {tuple(mask.shape)}'
            raise _error(self.find('magnitude'), 'shape', found, 'both must have the same shape')
        combined = magnitude.square().sum(0).sqrt()
        if len(magnitude) == 1:
            return combined, None
        echoes = self._acquired(magnitude, torch.zeros_like(magnitude))
        return combined, relaxometry(echoes, mask=mask).r2star

    @property
    def voxel_size(self) -> Vector:
        """Read the size of a voxel, mm."""
        x, y, z = self._numbers('voxel_size', n=3)
        if min(x, y, z) <= 0:
            raise _error(
                self._params, 'voxel_size', f'{[x, y, z]}', 'expected millimetres above 0'
            )
        return x, y, z

    @property
    def b0_dir(self) -> Vector:
        """Read the unit vector along B0, in voxel axes."""
        x, y, z = self._numbers('B0_dir', n=3)
        length = math.hypot(x, y, z)
        if abs(length - 1) > 0.01:
            remedy = 'expected a unit vector in voxel axes, as in [0, 0, 1]'
            raise _error(self._params, 'B0_dir', f'{[x, y, z]}', remedy)
        return x / length, y / length, z / length

    @property
    def _params(self) -> Path:
        return self.folder / 'params.json'

    def _numbers(self, key: str, *, n: int) -> tuple[float, ...]:
        try:
            params = json.loads(self._params.read_text(encoding='utf-8'))
        except FileNotFoundError:
            remedy = 'expected TE, B0, B0_dir and voxel_size'
            raise _error(self._params, 'file', 'is missing', remedy) from None
        except ValueError as error:
            raise _error(self._params, 'file', str(error), 'expected JSON') from error
        value = params.get(key) if isinstance(params, dict) else None
        numbers = tuple(
            float(number)
            for number in (value if isinstance(value, list) else [value])
            if isinstance(number, int | float) and math.isfinite(number)
        )
        if len(numbers) != n:
            found = 'is missing' if value is None else str(value)
            raise _error(self._params, key, found, f'expected {n} number{"s" * (n > 1)}')
        return numbers

    def _field(self, name: str) -> tuple[Volume, Volume, Mask]:
        field, mask = self._volume(name), self.mask()
        if field.shape != mask.shape:
            found = f'{tuple(field.shape)}, but mask {tuple(mask.shape)}'
            raise _error(self.find(name), 'shape', found, 'both must have the same shape')
        return torch.where(mask, field, 0), torch.where(mask, 1.0, 0.0), mask

    def _volume(self, name: str) -> Volume:
        data = self._data(name)
        if data.ndim == 4 and data.shape[3] == 1:
            data = data[..., 0]
        if data.ndim != 3:
            raise _error(self.find(name), 'shape', str(tuple(data.shape)), 'expected x, y, z')
        return data

    def _echoes(self, name: str) -> Echoes:
        data = self._data(name)
        if data.ndim == 3:
            data = data[..., None]
        if data.ndim != 4:
            raise _error(
                self.find(name), 'shape', str(tuple(data.shape)), 'expected x, y, z, echo'
            )
        return torch.movedim(data, 3, 0).contiguous()

    def _data(self, name: str) -> torch.Tensor:
        path = self.find(name)
        try:
            data = nib.Nifti1Image.from_filename(path).get_fdata(dtype=np.float32)
        except (ImageFileError, OSError, EOFError, ValueError) as error:
            raise _error(path, 'data', str(error), 'write the file anew') from error
        if not np.isfinite(data).all():
            n_bad = int((~np.isfinite(data)).sum())
            raise _error(path, 'data', f'{n_bad} voxels are not finite', 'set them to 0')
        return torch.from_numpy(np.ascontiguousarray(data)).to(self.device)


def _error(file: Path, field: str, found: str, remedy: str) -> InputError:
    return InputError(Problem(str(file), field, found, remedy))
