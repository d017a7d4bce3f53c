"""Files of a simulated dataset: the same data give the same bytes."""

import gzip
import json
import math
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np

PhaseFormat = Literal['radian', 'integer', 'signed']
PHASE_FORMATS: tuple[PhaseFormat, ...] = ('radian', 'integer', 'signed')

Metadata = dict[str, str | float | bool | list[float] | list[str]]


def encode_phase(phase: np.ndarray, phase_format: PhaseFormat) -> np.ndarray:
    """Store phase as a scanner would.

    Parameters
    ----------
    phase
        rad, in [-pi, pi].
    phase_format
        ``'radian'``: as it is, float32. ``'integer'``: 0..4095 for [-pi, pi).
        ``'signed'``: -4096..4095 for [-pi, pi).

    >>> encode_phase(np.array([-np.pi, 0, np.pi]), 'integer').tolist()
    [0, 2048, 0]
    >>> encode_phase(np.array([-np.pi, 0, np.pi]), 'signed').tolist()
    [-4096, 0, -4096]
    """
    if phase_format == 'radian':
        return phase.astype(np.float32)
    if phase_format == 'integer':
        steps = np.rint((phase + math.pi) * (4096 / (2 * math.pi)))
        return (steps.astype(np.int16) % 4096).astype(np.int16)
    steps = np.rint(phase * (4096 / math.pi)).astype(np.int16)
    steps[steps == 4096] = -4096
    return steps


def write_image(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write a volume as gzipped NIfTI without time stamp.

    Parameters
    ----------
    path
        Ends in ``.nii.gz``; its folder is made.
    values
        int16, uint8 or float32, stored without scaling.
    affine
        Voxel to scanner coordinates in mm, 4 x 4.
    """
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units('mm', 'sec')
    image.set_sform(affine, code='scanner')
    image.set_qform(affine, code='scanner')
    path.parent.mkdir(parents=True, exist_ok=True)
    # noise does not compress: higher levels cost time for nothing
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def write_json(path: Path, content: object) -> None:
    """Write JSON, indented.

    Parameters
    ----------
    path
        Its folder is made.
    content
        What ``json`` can write.
    """
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + '\n')


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text.

    Parameters
    ----------
    path
        Its folder is made.
    text
        With its last line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
