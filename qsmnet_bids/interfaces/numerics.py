"""What the nodes call: the stages, each with a record of the call. Loads torch, see ``lazy``."""

from collections.abc import Callable
from dataclasses import asdict, replace
from time import perf_counter
from typing import Literal, TypeVar

import torch
from torch import Tensor

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.bidsio.images import load_mask, load_volume
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.interfaces.steps import Parameters, Step, Values, hyper_parameters
from qsmnet_bids.interfaces.volumes import (
    load_echoes,
    load_field,
    load_saved_echoes,
    save,
    save_echoes,
)
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.quality import quality_measures
from qsmnet_bids.referencing import reference
from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.tensors import (
    ChiMap,
    Convergence,
    LocalField,
    Mask,
    MultiEcho,
    Relaxation,
    TotalField,
)
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS

__all__ = [
    'LocalField',
    'TotalField',
    'draw_figures',
    'load_echoes',
    'load_field',
    'load_mask',
    'load_saved_echoes',
    'load_volume',
    'quality_measures',
    'save',
    'save_echoes',
]

Result = TypeVar('Result')


def prepare(device: str, omp_nthreads: int) -> torch.device:
    """Set the number of threads and choose the device of this process.

    Parameters
    ----------
    device
        ``'auto'`` for a GPU if there is one, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.
    omp_nthreads
        Threads of torch on the CPU.
    """
    torch.set_num_threads(omp_nthreads)
    n_gpus = torch.cuda.device_count()
    if device == 'auto':
        return torch.device('cuda' if n_gpus else 'cpu')
    chosen = torch.device(device)
    if chosen.type == 'cuda' and (chosen.index or 0) >= n_gpus:
        raise SettingsError(
            f'--device {device}: torch finds {n_gpus} GPUs on this machine; use --device auto'
        )
    return chosen


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
    mask, step = _call('masking', method, lambda: MASKINGS[method](echoes, **given), values)
    return mask, [step]


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
    total, step = _call(
        'fieldmap',
        method,
        lambda: fit(
            echoes, mask=mask, unwrapping=unwrapping, unwrapping_parameters=turns, **given
        ),
        values,
    )
    step = _with_convergence(step, total.convergence)
    unwrapped = hyper_parameters(UNWRAPPINGS[unwrapping], turns)
    steps = [Step('unwrapping', unwrapping, unwrapped, step.device), step]
    if len(echoes.echo_times) == 1:
        return total, None, steps
    if values.get('offset_removal'):
        offset = {'smoothing': values['offset_smoothing'], 'bipolar': values['bipolar']}
        steps.insert(0, Step('phase offset', 'mcpc3ds', offset, step.device))
    decay, step = _call('relaxometry', 'relaxometry', lambda: relaxometry(echoes, mask=mask))
    return replace(total, r2star=decay.r2star), decay, [*steps, step]


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
    local, step = _call('background', method, lambda: BACKGROUNDS[method](total, **given), values)
    return local, [_with_convergence(step, local.convergence)]


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
    chi, step = _call('inversion', method, lambda: INVERSIONS[method](local, **given), values)
    referenced, zero = _call('referencing', region, lambda: reference(chi, region=region))
    return referenced, [_with_convergence(step, chi.convergence), zero]


def _call(
    stage: str, method: str, function: Callable[[], Result], values: Values | None = None
) -> tuple[Result, Step]:
    start = perf_counter()
    result = function()
    device = _device_of(result)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return result, Step(stage, method, dict(values or {}), str(device), perf_counter() - start)


def _device_of(result: object) -> torch.device:
    if isinstance(result, Tensor):
        return result.device
    return next(v.device for v in vars(result).values() if isinstance(v, Tensor))


def _with_convergence(step: Step, convergence: Convergence | None) -> Step:
    if convergence is None:
        return step
    warning = (
        f'{step.method} stopped after {convergence.n_iterations} iterations at a relative '
        f'residual of {convergence.relative_residual:.2g}, before it converged'
    )
    warnings = () if convergence.converged else (warning,)
    return replace(step, convergence=asdict(convergence), warnings=warnings)
