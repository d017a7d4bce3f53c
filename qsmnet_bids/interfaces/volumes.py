"""Between the files of the nodes and the records of the stages. Loads torch, see ``lazy``."""

import errno
import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from nipype.interfaces.base import isdefined
from torch import Tensor

from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.interfaces.specs import (
    ECHOES,
    EchoesInputSpec,
    FieldInputSpec,
    LoadedEchoesInputSpec,
)
from qsmnet_bids.tensors import LocalField, Mask, MultiEcho, Removed, TotalField, Volume

Field = TypeVar('Field', TotalField, LocalField)


def load_echoes(inputs: EchoesInputSpec, device: torch.device) -> MultiEcho:
    """Load the acquisition that a node's inputs describe.

    Parameters
    ----------
    inputs
        Of the node.
    device
        Where to.
    """
    values = {name: getattr(inputs, name) for name in ECHOES}
    magnitude, phase = ([Path(path) for path in values.pop(key)] for key in ('magnitude', 'phase'))
    echoes = load_multi_echo(magnitude, phase, **values)
    return replace(echoes, magnitude=echoes.magnitude.to(device), phase=echoes.phase.to(device))


def save_echoes(echoes: MultiEcho, inputs: EchoesInputSpec, folder: str) -> dict[str, str]:
    """Save an acquisition for the nodes to come, which would decompress it again otherwise.

    Parameters
    ----------
    echoes
        The acquisition.
    inputs
        That it was loaded by.
    folder
        Of the node.

    Returns
    -------
        ``magnitude``, ``phase`` and ``fingerprint`` of ``LoadedEchoesInputSpec``.
    """
    saved = {}
    for name in ('magnitude', 'phase'):
        saved[name] = _write(Path(folder) / f'{name}.npy', getattr(echoes, name))
    files = (Path(path) for path in (*inputs.magnitude, *inputs.phase))
    scaling = (inputs.phase_slope, inputs.phase_intercept, inputs.phase_sign)
    return saved | {'fingerprint': _fingerprint(files, scaling)}


def load_saved_echoes(inputs: LoadedEchoesInputSpec, device: torch.device) -> MultiEcho:
    """Load what ``save_echoes`` saved.

    Parameters
    ----------
    inputs
        Of the node.
    device
        Where to.
    """
    magnitude, phase = (load(path).to(device) for path in (inputs.magnitude, inputs.phase))
    return MultiEcho(
        magnitude, phase, tuple(inputs.echo_times), inputs.b0, inputs.b0_dir, inputs.voxel_size
    )


def load_field(kind: type[Field], inputs: FieldInputSpec, device: torch.device) -> Field:
    """Load the total or local field that a node's inputs describe.

    Parameters
    ----------
    kind
        Record to make.
    inputs
        Of the node.
    device
        Where to.
    """
    field, noise, mask = (
        load(path).to(device) for path in (inputs.field, inputs.noise, inputs.mask)
    )
    magnitude, r2star = (
        load(path).to(device) if isdefined(path) else None
        for path in (inputs.magnitude, inputs.r2star)
    )
    record = kind(field, noise, mask, inputs.voxel_size, inputs.b0_dir)
    record = replace(record, magnitude=magnitude, r2star=r2star)
    if not isinstance(record, LocalField) or not isdefined(inputs.removed):
        return record
    paths = (inputs.removed, inputs.removed_noise, inputs.removed_mask)
    taken, taken_noise, seen = (load(path).to(device) for path in paths)
    return replace(record, removed=Removed(taken, taken_noise, seen))


def load(path: str) -> Tensor:
    """Load what ``save`` saved: mapped, not read, so that who needs a few slices reads no more.

    Parameters
    ----------
    path
        Of a ``.npy`` file, which stays as it is whatever happens to the tensor.
    """
    return torch.from_numpy(np.load(path, mmap_mode='c'))


def save(volume: Volume | Mask, name: str, folder: str) -> str:
    """Save a volume in a node's folder, for the nodes to come.

    Parameters
    ----------
    volume
        Of any unit.
    name
        Of the file, without extension.
    folder
        Of the node.

    Returns
    -------
        Path.
    """
    return _write(Path(folder) / f'{name}.npy', volume)


def _write(path: Path, values: Tensor) -> str:
    try:
        np.save(path, values.cpu().numpy())
    except OSError as error:
        # where the disk is full, the error names no file, and numpy's own gives a count alone
        number = error.errno or errno.ENOSPC
        raise OSError(number, os.strerror(number), str(path)) from error
    return str(path)


def _fingerprint(files: Iterable[Path], scaling: tuple[float, ...]) -> str:
    digest = hashlib.sha256(repr(scaling).encode())
    for path in files:
        with path.open('rb') as file:
            digest.update(hashlib.file_digest(file, 'sha256').digest())
    return digest.hexdigest()
