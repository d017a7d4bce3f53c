"""What a solver gives back."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Solution:
    """The end of an iteration.

    Parameters
    ----------
    value
        The unknown, as it stood at the end.
    n_iterations
        Iterations done.
    relative_residual
        The solver's own measure of what is left, relative to that of the zero solution.
    converged
        Whether the tolerance was met before the iterations ran out.
    """

    value: Tensor
    n_iterations: int
    relative_residual: float
    converged: bool
