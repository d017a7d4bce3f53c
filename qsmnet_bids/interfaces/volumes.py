"""Between the files of the nodes and the records of the stages. Loads torch, see ``lazy``."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

from qsmnet_bids.bidsio.images import load_mask, load_multi_echo, load_volume, save_volume
from qsmnet_bids.interfaces.specs import ECHOES, EchoesInputSpec, FieldInputSpec
from qsmnet_bids.tensors import LocalField, Mask, MultiEcho, TotalField, Volume

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
    field, noise = (load_volume(Path(path)).to(device) for path in (inputs.field, inputs.noise))
    mask = load_mask(Path(inputs.mask)).to(device)
    return kind(field, noise, mask, inputs.voxel_size, inputs.b0_dir)


def save(volume: Volume | Mask, name: str, folder: str, like: str) -> str:
    """Save a volume in a node's folder, uncompressed: it is read again soon.

    Parameters
    ----------
    volume
        Of any unit.
    name
        Of the file, without extension.
    folder
        Of the node.
    like
        Image on the same grid.

    Returns
    -------
        Path.
    """
    path = Path(folder) / f'{name}.nii'
    save_volume(volume, path, like=Path(like))
    return str(path)
