"""From phase in [-pi, pi] to phase without jumps."""

from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.laplacian import laplacian

METHODS = {'best_path': best_path, 'laplacian': laplacian}
