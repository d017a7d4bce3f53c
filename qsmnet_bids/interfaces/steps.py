"""The record of a method as it ran: what enters ``Steps`` of a map's sidecar."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from qsmnet_bids.reports.methods import bibliography

Value = bool | int | float | str
Values = Mapping[str, Value]
Parameters = Mapping[str, Values]
StepDict = dict[str, object]


@dataclass(frozen=True)
class Step:
    """One method as it ran.

    Parameters
    ----------
    stage, method
        Names, as the registries and the bibliography have them.
    parameters
        All hyper-parameters, the defaults too.
    device
        Where it ran.
    seconds
        Wall time, s; None for a part of the step that follows.
    convergence
        Of an iterative method: iterations, relative residual, whether it converged.
    warnings
        Sentences for the reader.
    """

    stage: str
    method: str
    parameters: dict[str, Value] = field(default_factory=dict)
    device: str = ''
    seconds: float | None = None
    convergence: dict[str, Value] | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> StepDict:
        """Give the step as JSON has it, with the DOI of the method's publication."""
        known = bibliography().get(self.method)
        record = asdict(self) | {'reference': known.doi if known else ''}
        return record | {'warnings': list(self.warnings)}


def hyper_parameters(function: Callable[..., object], given: Values) -> dict[str, Value]:
    """List the value of every hyper-parameter of a call.

    Parameters
    ----------
    function
        A stage's method.
    given
        Values that differ from its defaults.

    >>> hyper_parameters(lambda field, *, threshold=0.2, exact=False: field, {'exact': True})
    {'threshold': 0.2, 'exact': True}
    """
    arguments = inspect.signature(function).parameters.values()
    defaults = {
        argument.name: argument.default
        for argument in arguments
        if isinstance(argument.default, (bool, int, float, str))
    }
    return defaults | dict(given)
