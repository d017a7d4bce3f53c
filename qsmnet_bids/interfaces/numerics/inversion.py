"""For the node that inverts the dipole."""

from qsmnet_bids.interfaces.numerics.calling import prepare, with_convergence
from qsmnet_bids.interfaces.numerics.mapping import finish_map
from qsmnet_bids.interfaces.numerics.tiles import call_within_memory
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_field
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.tensors import ChiMap, LocalField

__all__ = [
    'LocalField',
    'finish_map',
    'invert_dipole',
    'load_field',
    'prepare',
]


def invert_dipole(
    local: LocalField, *, method: str, parameters: Parameters
) -> tuple[ChiMap, Step]:
    """Turn the local field into susceptibility.

    Parameters
    ----------
    local
        Field of the sources in the mask.
    method
        Of the inversion.
    parameters
        That differ from the defaults, by method.
    """
    given = parameters.get(method, {})
    values = hyper_parameters(INVERSIONS[method], given)
    chi, step = call_within_memory(
        'inversion',
        method,
        lambda smaller: INVERSIONS[method](local, **{**given, **smaller}),
        values,
        longest=max(local.field.shape),
    )
    return chi, with_convergence(step, chi.convergence)
