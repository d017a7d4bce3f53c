"""For the node that tells how far a map is to be trusted."""

from dataclasses import replace
from functools import partial

from qsmnet_bids.interfaces.numerics.calling import prepare
from qsmnet_bids.interfaces.numerics.tiles import call_within_memory
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load, load_field, save
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.quality import uncertainty_measures
from qsmnet_bids.tensors import LocalField, Volume
from qsmnet_bids.uncertainty import METHODS, combine_passes

__all__ = [
    'LocalField',
    'combine_passes',
    'estimate_uncertainty',
    'load',
    'load_field',
    'prepare',
    'save',
    'uncertainty_measures',
]


def estimate_uncertainty(
    local: LocalField, *, method: str, factor: float, parameters: Parameters
) -> tuple[Volume, Step]:
    """Estimate the standard deviation of the map of a field.

    Parameters
    ----------
    local
        Field of the sources in the mask.
    method
        Of the inversion.
    factor
        What the method's uncertainty is multiplied by, unless the parameters say otherwise.
    parameters
        That differ from the defaults, by method.
    """
    invert = partial(INVERSIONS[method], **parameters.get(method, {}))
    given = {'factor': factor, **parameters.get('uncertainty', {})}
    found, step = call_within_memory(
        'uncertainty',
        method,
        lambda smaller: METHODS['uncertainty'](
            local, method=lambda copy: invert(copy, **smaller).chi, **given
        ),
        hyper_parameters(INVERSIONS[method], parameters.get(method, {})),
        longest=max(local.field.shape),
    )
    values = hyper_parameters(METHODS['uncertainty'], given)
    return found.deviation, replace(step, method='uncertainty', parameters=values)
