"""How a stage is called: device, threads, and the record of the call."""

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from time import perf_counter
from typing import TypeVar

import torch
from torch import Tensor

from qsmnet_bids.errors import MethodError, SettingsError
from qsmnet_bids.interfaces.steps import Step, Values
from qsmnet_bids.tensors import Convergence

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


def call(
    stage: str, method: str, function: Callable[[], Result], values: Values | None = None
) -> tuple[Result, Step]:
    """Call a stage's method and take the time.

    Parameters
    ----------
    stage, method
        Names, for the record.
    function
        The call.
    values
        Of its hyper-parameters.
    """
    start = perf_counter()
    try:
        result = function()
    except ValueError as error:
        # a stage says in one sentence what is wrong with the data or a parameter
        raise MethodError(str(error)) from error
    device = _device_of(result)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    seconds = perf_counter() - start
    return result, Step(stage, method, dict(values or {}), _name_of(device), seconds)


def with_convergence(step: Step, convergence: Convergence | None) -> Step:
    """Add to a step how its iterations ended, with a warning if they did not converge.

    Parameters
    ----------
    step
        Without it.
    convergence
        None where nothing iterated; the step is as it was then.
    """
    if convergence is None:
        return step
    warning = (
        f'{step.method} stopped after {convergence.n_iterations} iterations at a relative '
        f'residual of {convergence.relative_residual:.2g}, before it converged'
    )
    warnings = () if convergence.converged else (warning,)
    return replace(step, convergence=asdict(convergence), warnings=warnings)


def _name_of(device: torch.device) -> str:
    """Name a device; a GPU by its number among those that this process sees, and by which it sees.

    >>> _name_of(torch.device('cpu'))
    'cpu'
    """
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    if device.type == 'cpu' or visible is None:
        return str(device)
    return f'{device} of CUDA_VISIBLE_DEVICES={visible}'


def _device_of(result: object) -> torch.device:
    if isinstance(result, Tensor):
        return result.device
    return next(v.device for v in vars(result).values() if isinstance(v, Tensor))
