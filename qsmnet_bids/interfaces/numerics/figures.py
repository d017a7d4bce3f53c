"""For the node that draws the figures."""

from qsmnet_bids.interfaces.numerics.calling import prepare
from qsmnet_bids.interfaces.volumes import load, load_saved_echoes
from qsmnet_bids.reports.figures import draw_figures

__all__ = [
    'draw_figures',
    'load',
    'load_saved_echoes',
    'prepare',
]
