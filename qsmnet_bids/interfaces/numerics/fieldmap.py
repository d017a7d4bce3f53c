"""For the node that fits the field."""

from dataclasses import replace

from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.interfaces.numerics.calling import call, prepare, with_convergence
from qsmnet_bids.interfaces.steps import Parameters, Step, hyper_parameters
from qsmnet_bids.interfaces.volumes import load, load_saved_echoes, save
from qsmnet_bids.quality import echo_measures
from qsmnet_bids.tensors import Mask, MultiEcho, Relaxation, TotalField
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS

__all__ = [
    'echo_measures',
    'fit_field',
    'load',
    'load_saved_echoes',
    'prepare',
    'save',
]


def fit_field(
    echoes: MultiEcho, *, mask: Mask, method: str, unwrapping: str, parameters: Parameters
) -> tuple[TotalField, Relaxation | None, list[Step]]:
    """Fit the total field, and where there are several echoes their decay.

    Parameters
    ----------
    echoes
        The run.
    mask
        Where to fit.
    method, unwrapping
        Of the field fit and of the unwrapping in it.
    parameters
        That differ from the defaults, by method.
    """
    fit, given, turns = (
        FIELDMAPS[method],
        parameters.get(method, {}),
        parameters.get(unwrapping, {}),
    )
    values = hyper_parameters(fit, given)
    values.pop('unwrapping', None)  # told by its own step
    total, step = call(
        'fieldmap',
        method,
        lambda: fit(
            echoes, mask=mask, unwrapping=unwrapping, unwrapping_parameters=turns, **given
        ),
        values,
    )
    step = with_convergence(step, total.convergence)
    unwrapped = hyper_parameters(UNWRAPPINGS[unwrapping], turns)
    steps = [Step('unwrapping', unwrapping, unwrapped, step.device), step]
    if len(echoes.echo_times) == 1:
        return total, None, steps
    if values.get('offset_removal'):
        offset = {'smoothing': values['offset_smoothing'], 'bipolar': values['bipolar']}
        steps.insert(0, Step('phase offset', 'mcpc3ds', offset, step.device))
    decay, step = call('relaxometry', 'relaxometry', lambda: relaxometry(echoes, mask=mask))
    return replace(total, r2star=decay.r2star), decay, [*steps, step]
