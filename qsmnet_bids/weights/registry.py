"""Load a network by its name, and only if the file is the one its model card describes."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load
from torch import nn

from qsmnet_bids.errors import WeightsError
from qsmnet_bids.networks.unet import UNet
from qsmnet_bids.weights.cards import WEIGHTS_DIR, read_card

CONSTRUCTORS = {'UNet': UNet}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network ready for inference.

    Parameters
    ----------
    module
        In evaluation mode, float32, on the CPU.
    field_scale, chi_scale
        ppm that are 1 at its input and output.
    training_field_sd
        Standard deviation of the fields that it was trained on, ppm.
    multiple
        Sides of its input are multiples of this.
    sha256
        Of the weights file.
    """

    module: nn.Module
    field_scale: float
    chi_scale: float
    training_field_sd: float
    multiple: int
    sha256: str


@functools.lru_cache(maxsize=1)
def load_network(name: str, directory: Path = WEIGHTS_DIR) -> TrainedNetwork:
    """Read model card and weights, check them, and build the network.

    Parameters
    ----------
    name
        Such as ``'deepqsm'``.
    directory
        Holds ``NAME.json`` and the file that it names.

    Raises
    ------
    WeightsError
        If a file is missing or is not the one that the card describes.
    """
    card = read_card(name, directory)
    path = directory / card['file']
    if not path.exists():
        raise WeightsError(f'{path}: missing, though {name}.json names it; install again')
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != card['sha256']:
        raise WeightsError(
            f'{path}: sha256 is {found}, but {name}.json says {card["sha256"]}; install again'
        )
    arguments = dict(card['network'])
    module = CONSTRUCTORS[arguments.pop('constructor')](**arguments)
    # stored in half precision, which processors are slow at
    module.load_state_dict({key: value.float() for key, value in load(data).items()})
    return TrainedNetwork(
        module=module.eval().requires_grad_(requires_grad=False),
        field_scale=card['field_scale'],
        chi_scale=card['chi_scale'],
        training_field_sd=card['training_field_sd'],
        multiple=2**module.depth,
        sha256=found,
    )
