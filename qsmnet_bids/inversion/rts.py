"""Rapid two-step inversion.

C. Kames, V. Wiggermann and A. Rauscher, NeuroImage 167:276-283, 2018,
doi:10.1016/j.neuroimage.2017.11.018.
"""

import torch
from torch import Tensor

from qsmnet_bids.inversion.padded import (
    DIPOLE_MAX,
    Padded,
    check_limits,
    data_weights,
    pad_field,
    to_map,
)
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.splitting import VariationStep
from qsmnet_bids.tensors import ChiMap, LocalField, Volume

FIRST_TOLERANCE = 1e-3


@kept_blocks()
def rts(
    local: LocalField,
    *,
    delta: float = 0.15,
    mu: float = 1e5,
    rho: float = 10.0,
    first_iterations: int = 4,
    max_iterations: int = 20,
    tolerance: float = 0.01,
) -> ChiMap:
    """Solve where the dipole kernel is large, then fill the rest by total variation.

    First |w (D chi_1 - field)|^2 is lowered over the frequencies with |D| > delta by conjugate
    gradients, where w is 1 in the mask and 0 outside. Then mu/2 |chi(k) - chi_1(k)|^2 over these
    frequencies + |gradient chi|_1 is minimised by ADMM.

    Parameters
    ----------
    local
        Field to invert.
    delta
        Least |D| that counts as large, in (0, 2/3).
    mu
        Weight of the first step's result in the second, 1/(ppm mm).
    rho
        Penalty of splitting off the gradient, mm/ppm.
    first_iterations
        Of the first step, which regularise it.
    max_iterations
        Of the second step, at most.
    tolerance
        Of the relative change of chi in the mask in one iteration of the second step.

    Returns
    -------
        Zero outside the mask; the convergence is the second step's.
    """
    if not 0 < delta < DIPOLE_MAX:
        raise ValueError(f'delta must be in (0, 2/3), got {delta}')
    if mu <= 0 or rho <= 0:
        raise ValueError(f'mu and rho must be positive, got {mu} and {rho}')
    if first_iterations < 1:
        raise ValueError(f'first_iterations must be at least 1, got {first_iterations}')
    check_limits(max_iterations, tolerance)
    padded = pad_field(local)
    large = padded.kernel.abs() > delta
    first = well_conditioned(padded, large, first_iterations)
    step = VariationStep(first, large.to(first.dtype), local.voxel_size, alpha=1.0, rho=rho, mu=mu)
    solution = repeat(
        step,
        step.start(),
        inside=padded.inside,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return to_map(padded, solution)


def well_conditioned(padded: Padded, large: Tensor, n_iterations: int) -> Volume:
    """Solve the normal equations over the frequencies where the kernel is large.

    Parameters
    ----------
    padded
        The problem.
    large
        The frequencies, in the kernel's layout.
    n_iterations
        At most so many.

    Returns
    -------
        ppm, zero outside the mask.
    """
    weight = data_weights(padded, weighting='mask')
    kernel = padded.kernel * large
    inverse = torch.where(large, padded.kernel.reciprocal().square_(), 0.0)
    solution = conjugate_gradients(
        lambda chi: convolve(convolve(chi, kernel).mul_(weight), kernel),
        convolve(padded.field, kernel),
        preconditioner=lambda residual: convolve(residual, inverse),
        max_iterations=n_iterations,
        tolerance=FIRST_TOLERANCE,
    )
    return solution.value.mul_(padded.inside)
