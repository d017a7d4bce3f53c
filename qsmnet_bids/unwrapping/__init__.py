"""From phase in [-pi, pi] to phase without jumps."""

from collections.abc import Callable
from typing import Literal

from qsmnet_bids.tensors import Echoes
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.laplacian import laplacian
from qsmnet_bids.unwrapping.romeo import romeo

METHODS: dict[str, Callable[..., Echoes]] = {
    'best_path': best_path,
    'laplacian': laplacian,
    'romeo': romeo,
}
Unwrapping = Literal['best_path', 'laplacian', 'romeo']
"""The names, for signatures."""
