"""Nonlinear dipole inversion by gradient descent.

D. Polak et al., NMR Biomed. 33:e4271, 2020, doi:10.1002/nbm.4271.
"""

from qsmnet_bids.inversion.padded import (
    DIPOLE_MAX,
    check_limits,
    data_weights,
    pad_field,
    to_map,
)
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import ChiMap, LocalField, Volume


@kept_blocks()
def ndi(
    local: LocalField,
    *,
    step: float = 2.0,
    alpha: float = 1e-5,
    phase_scale: float = 1.0,
    max_iterations: int = 200,
    tolerance: float = 1e-4,
) -> ChiMap:
    """Lower |w (exp(i s D chi) - exp(i s field))|^2 / (2 s^2) + alpha/2 |chi|^2 step by step.

    chi <- chi - step (D w^2 sin(s (D chi - field)) / s + alpha chi), from zero. Where s times the
    residual is small this is the linear problem, whatever s. The number of steps regularises: few
    underestimate (a uniform sphere keeps three quarters after 200), many let noise in.

    Parameters
    ----------
    local
        Field to invert; w is the median noise over the noise in the mask, at most 1 (and 1 where
        the noise is not known), and 0 outside.
    step
        Of the descent; it lowers the objective for certain up to 2 / (4/9 + alpha).
    alpha
        Weight of the susceptibility's square, without unit.
    phase_scale
        s, rad of phase per ppm of field: 2 pi 42.576 B0 TE with B0 in T and TE in s, as 16 at 3 T
        and 20 ms. Fields more than pi / s off count as wrapped.
    max_iterations
        At most so many steps.
    tolerance
        Of the relative change of chi in the mask in one step; 0 to do all.

    Returns
    -------
        Zero outside the mask.
    """
    if alpha < 0:
        raise ValueError(f'alpha must be at least 0, got {alpha}')
    greatest = 2 / (DIPOLE_MAX**2 + alpha)
    if not 0 < step < greatest:
        raise ValueError(f'step must be in (0, {greatest:.3g}) for this alpha, got {step}')
    if phase_scale <= 0:
        raise ValueError(f'phase_scale must be positive, got {phase_scale}')
    check_limits(max_iterations, tolerance)
    padded = pad_field(local)
    size = data_weights(padded, weighting='noise').square_().mul_(step / phase_scale)

    def descend(chi: Volume) -> Volume:
        residual = convolve(chi, padded.kernel).sub_(padded.field)
        residual.mul_(phase_scale).sin_().mul_(size)
        return chi.mul(1 - step * alpha).sub_(convolve(residual, padded.kernel))

    solution = repeat(
        descend,
        padded.field.new_zeros(padded.shape),
        inside=padded.inside,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return to_map(padded, solution)
