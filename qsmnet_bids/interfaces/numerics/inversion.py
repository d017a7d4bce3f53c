"""For the node that inverts the dipole."""

from typing import Literal

from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load_field, save
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.quality import quality_measures
from qsmnet_bids.referencing import reference
from qsmnet_bids.tensors import ChiMap, LocalField

__all__ = [
    'LocalField',
    'invert_dipole',
    'load_field',
    'prepare',
    'quality_measures',
    'save',
]


def invert_dipole(
    local: LocalField, *, method: str, region: Literal['mask', 'none'], parameters: Parameters
) -> tuple[ChiMap, list[Step]]:
    """Turn the local field into susceptibility and choose its zero.

    Parameters
    ----------
    local
        Field of the sources in the mask.
    method
        Of the inversion.
    region
        Whose mean becomes zero.
    parameters
        That differ from the defaults, by method.
    """
    given = parameters.get(method, {})
    values = hyper_parameters(INVERSIONS[method], given)
    chi, step = call('inversion', method, lambda: INVERSIONS[method](local, **given), values)
    referenced, zero = call('referencing', region, lambda: reference(chi, region=region))
    return referenced, [with_convergence(step, chi.convergence), zero]
