"""For the node that removes the background field."""

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.interfaces.numerics.calling import prepare, with_convergence
from qsmnet_bids.interfaces.numerics.tiles import call_within_memory
from qsmnet_bids.interfaces.steps import Parameters, Step, Values, hyper_parameters
from qsmnet_bids.interfaces.volumes import load, load_field, save
from qsmnet_bids.tensors import LocalField, Mask, TotalField
from qsmnet_bids.two_pass import restrict
from qsmnet_bids.weights.cards import available, read_card

__all__ = [
    'TotalField',
    'load',
    'load_field',
    'prepare',
    'remove_background',
    'save',
]


def remove_background(
    total: TotalField, *, method: str, parameters: Parameters, reliable: Mask | None = None
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
    reliable
        All that the first of two passes may see; None for all of the mask.
    """
    given = parameters.get(method, {})
    values = hyper_parameters(BACKGROUNDS[method], given)

    def remove(smaller: Values) -> LocalField:
        seen = total if reliable is None else restrict(total, reliable=reliable)
        return BACKGROUNDS[method](seen, **{**given, **smaller})

    values |= {'weights_sha256': read_card(method)['sha256']} if method in available() else {}
    longest = max(total.field.shape)
    local, step = call_within_memory('background', method, remove, values, longest=longest)
    return local, [with_convergence(step, local.convergence)]
