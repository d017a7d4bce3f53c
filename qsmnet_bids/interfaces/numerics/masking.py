"""For the node that loads and masks a run."""

from qsmnet_bids.bidsio.images import load_mask
from qsmnet_bids.interfaces.numerics.calling import call, prepare
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_echoes, save, save_echoes
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.tensors import Mask, MultiEcho

__all__ = [
    'load_echoes',
    'load_mask',
    'make_mask',
    'prepare',
    'save',
    'save_echoes',
]


def make_mask(
    echoes: MultiEcho, *, method: str, parameters: Parameters
) -> tuple[Mask, list[Step]]:
    """Compute the mask of a run.

    Parameters
    ----------
    echoes
        The run.
    method
        Of the masking.
    parameters
        That differ from the defaults, by method.
    """
    given = parameters.get(method, {})
    values = hyper_parameters(MASKINGS[method], given)
    mask, step = call('masking', method, lambda: MASKINGS[method](echoes, **given), values)
    return mask, [step]
