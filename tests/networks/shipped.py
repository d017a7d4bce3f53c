"""A folder of weights with one small network, in place of those that ship."""

import hashlib
import json

import torch
from safetensors.torch import save_file

from qsmnet_bids.networks import ARCHITECTURES


def ship(folder, name, architecture, **arguments):
    """Write weights file and model card of an untrained network."""
    torch.manual_seed(0)
    network = ARCHITECTURES[architecture](**arguments)
    torch.nn.init.normal_(network.unet.head.weight, std=0.03)
    path = folder / f'{name}.safetensors'
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, path)
    card = {
        'name': name,
        'file': path.name,
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        'network': {'architecture': architecture, **arguments},
    }
    (folder / f'{name}.json').write_text(json.dumps(card))
