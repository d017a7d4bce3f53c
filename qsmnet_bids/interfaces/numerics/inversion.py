"""For the node that inverts the dipole."""

from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.numerics.referencing import choose_zero
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_field, save
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.quality import forward_residual, quality_measures
from qsmnet_bids.tensors import ChiMap, LocalField

__all__ = [
    'LocalField',
    'choose_zero',
    'forward_residual',
    'invert_dipole',
    'load_field',
    'prepare',
    'quality_measures',
    'save',
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
