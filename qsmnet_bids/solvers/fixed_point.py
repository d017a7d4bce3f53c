"""Repetition of one step until it changes nothing: descent and splitting methods alike."""

from collections.abc import Callable

import torch
from torch import Tensor

from qsmnet_bids.solvers.solution import Solution


def repeat(
    step: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    inside: Tensor | None = None,
    max_iterations: int,
    tolerance: float,
) -> Solution:
    """Replace value by step(value) until the relative change is small.

    Parameters
    ----------
    step
        Gives a new tensor of the same shape; may keep a state of its own.
    start
        First value.
    inside
        Where the change is measured, true or false; None for everywhere.
    max_iterations
        At most so many steps.
    tolerance
        Of |step(value) - value| / |step(value)|; 0 to do all steps.

    Returns
    -------
        The last value; its residual is the relative change in the last step.
    """
    if max_iterations < 1:
        raise ValueError(f'max_iterations must be at least 1, got {max_iterations}')
    if tolerance < 0:
        raise ValueError(f'tolerance must be at least 0, got {tolerance}')
    value, change = start, float('inf')
    for n_iterations in range(1, max_iterations + 1):
        new = step(value)
        change = _relative(new - value, new, inside)
        value = new
        if change < tolerance or change == 0:
            return Solution(value, n_iterations, change, converged=True)
    return Solution(value, max_iterations, change, converged=False)


def _relative(difference: Tensor, value: Tensor, inside: Tensor | None) -> float:
    if inside is not None:
        difference, value = difference.mul_(inside), value * inside
    size = float(torch.linalg.vector_norm(value))
    changed = float(torch.linalg.vector_norm(difference))
    if size == 0:
        return 0.0 if changed == 0 else float('inf')
    return changed / size
