"""For the node that makes susceptibility-weighted images."""

from qsmnet_bids.interfaces.numerics.calling import call, prepare
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load, load_saved_echoes, save
from qsmnet_bids.swi import METHODS, Swi
from qsmnet_bids.tensors import Mask, MultiEcho

__all__ = [
    'load',
    'load_saved_echoes',
    'prepare',
    'save',
    'weigh',
]


def weigh(echoes: MultiEcho, *, mask: Mask, parameters: Parameters) -> tuple[Swi, Step]:
    """Make the susceptibility-weighted image of a run and its projection.

    Parameters
    ----------
    echoes
        The run.
    mask
        Where to compute.
    parameters
        That differ from the defaults, by method.
    """
    given = parameters.get('swi', {})
    values = hyper_parameters(METHODS['swi'], given)
    return call('weighting', 'swi', lambda: METHODS['swi'](echoes, mask=mask, **given), values)
