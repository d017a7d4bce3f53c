"""For the node that inverts the dipole."""

from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.numerics.mapping import finish_map
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
    chi, step = call('inversion', method, lambda: INVERSIONS[method](local, **given), values)
    return chi, with_convergence(step, chi.convergence)
