"""Load a network by its name, and only if the file is the one its model card describes."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load

from qsmnet_bids.errors import WeightsError
from qsmnet_bids.networks import ARCHITECTURES
from qsmnet_bids.networks.closed_form import Task
from qsmnet_bids.networks.network import Network
from qsmnet_bids.weights.cards import WEIGHTS_DIR, read_card

N_CACHED = 4
"""Networks that stay in memory: one stage uses one, a comparison a few."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network ready for inference.

    Parameters
    ----------
    module
        In evaluation mode, float32, on the CPU.
    sha256
        Of the weights file.
    """

    module: Network
    sha256: str


@functools.lru_cache(maxsize=N_CACHED)
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
    module = ARCHITECTURES[arguments.pop('architecture')](**arguments)
    prefix = card.get('prefix', '')  # of a file that holds a part of the module only
    # stored in half precision, which processors are slow at
    state = {prefix + key: value.float() for key, value in load(data).items()}
    module.load_state_dict(state)
    module.eval().requires_grad_(requires_grad=False)
    return TrainedNetwork(module, found)


def load_network_for(task: Task, name: str, directory: Path = WEIGHTS_DIR) -> TrainedNetwork:
    """Load a network and make sure that it is for the task.

    Parameters
    ----------
    task
        Of the stage that asks.
    name, directory
        As ``load_network`` has them.

    Raises
    ------
    WeightsError
        If it is for another task, or for the reasons of ``load_network``.
    """
    network = load_network(name, directory)
    if network.module.task != task:
        raise WeightsError(f'{name} is a network for {network.module.task}, not for {task}')
    return network
