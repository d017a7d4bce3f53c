"""Check hyper-parameters against the methods they are meant for, before any work is done.

The stages, and with them torch, are imported only when there is something to check.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

from qsmnet_bids.errors import SettingsError
from qsmnet_bids.settings import Parameters

PLAIN = (bool, int, float, str)


def checked(parameters: Parameters, methods: Mapping[str, str]) -> Parameters:
    """Raise unless every parameter belongs to a method in use and has a value of its type.

    Parameters
    ----------
    parameters
        Values by method and name.
    methods
        The method in use of each stage.

    Returns
    -------
        The parameters, with whole numbers as floating point where the method has that.
    """
    result: Parameters = {}
    for method, values in parameters.items():
        stages = [stage for stage, name in methods.items() if name == method]
        if not stages:
            raise SettingsError(
                f'--set {method}: no stage uses this method; expected one of those in use: '
                + ', '.join(methods.values())
            )
        options = hyper_parameters(import_module(f'qsmnet_bids.{stages[0]}').METHODS[method])
        for name in methods:  # these have an option of their own
            options.pop(name, None)
        for name, value in values.items():
            if name not in options:
                valid = ', '.join(options) or 'none'
                raise SettingsError(
                    f'--set {method}.{name}: no such parameter; {method} has: {valid}'
                )
            if type(value) is int and float in options[name]:
                value = float(value)  # noqa: PLW2901
            if type(value) not in options[name] and value not in options[name]:
                raise SettingsError(
                    f'--set {method}.{name}={value}: expected {_describe(options[name])}'
                )
            result.setdefault(method, {})[name] = value
    return result


def hyper_parameters(method: Callable[..., object]) -> dict[str, tuple[object, ...]]:
    """List a method's hyper-parameters with what each may be: types, or the words of a Literal.

    Parameters
    ----------
    method
        A stage function; its keyword-only arguments with a default of plain type count.
    """
    bound = method.keywords if isinstance(method, functools.partial) else {}
    found = {}
    for name, argument in inspect.signature(method).parameters.items():
        options = _options(argument.annotation)
        fixed = name in bound or argument.default is inspect.Parameter.empty
        if argument.kind is inspect.Parameter.KEYWORD_ONLY and options and not fixed:
            found[name] = options
    return found


def _options(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    parts = get_args(annotation) if _is_union(annotation) else (annotation,)
    parts = tuple(part for part in parts if part is not NoneType)
    return parts if all(part in PLAIN for part in parts) else ()


def _is_union(annotation: object) -> bool:
    return isinstance(annotation, UnionType) or get_origin(annotation) is Union


def _describe(options: tuple[object, ...]) -> str:
    names = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a word'}
    return ' or '.join(
        names[option] if isinstance(option, type) else str(option) for option in options
    )
