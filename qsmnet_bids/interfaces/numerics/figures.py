"""For the node that draws the figures."""

from qsmnet_bids.bidsio.images import load_volume
from qsmnet_bids.interfaces.numerics.calling import prepare
from qsmnet_bids.interfaces.volumes import load_saved_echoes
from qsmnet_bids.reports.figures import draw_figures

__all__ = [
    'draw_figures',
    'load_saved_echoes',
    'load_volume',
    'prepare',
]
