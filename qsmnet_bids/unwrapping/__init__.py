"""From phase in [-pi, pi] to phase without jumps."""

from collections.abc import Callable

from qsmnet_bids.tensors import Volume
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.laplacian import laplacian

METHODS: dict[str, Callable[..., Volume]] = {'best_path': best_path, 'laplacian': laplacian}
