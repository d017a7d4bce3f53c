"""Collecting problems instead of stopping at the first."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from qsmnet_bids.errors import InputError, Problem

P = ParamSpec('P')
T = TypeVar('T')


class Findings:
    """Goes on after a problem, so that the next one is found too.

    Parameters
    ----------
    problems
        The list that grows.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def attempt(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call a function and keep the problems that it raises.

        Parameters
        ----------
        call
            A function that raises ``InputError``.
        args, kwargs
            Of the function.

        Returns
        -------
            The function's value, or None if it raised.
        """
        try:
            return call(*args, **kwargs)
        except InputError as error:
            self.problems += error.problems
            return None
