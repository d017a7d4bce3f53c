"""For the node that removes the background field."""

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_field, save
from qsmnet_bids.tensors import LocalField, TotalField

__all__ = [
    'TotalField',
    'load_field',
    'prepare',
    'remove_background',
    'save',
]


def remove_background(
    total: TotalField, *, method: str, parameters: Parameters
) -> tuple[LocalField, list[Step]]:
    """Remove the field of the sources outside the mask.

    Parameters
    ----------
    total
        Field of all sources.
    method
        Of the background removal.
    parameters
        That differ from the defaults, by method.
    """
    given = parameters.get(method, {})
    values = hyper_parameters(BACKGROUNDS[method], given)
    local, step = call('background', method, lambda: BACKGROUNDS[method](total, **given), values)
    return local, [with_convergence(step, local.convergence)]
