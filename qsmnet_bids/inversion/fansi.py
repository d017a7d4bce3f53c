"""Nonlinear data term with total variation or total generalised variation, by ADMM (FANSI).

C. Milovic et al., Magn. Reson. Med. 80:814-821, 2018, doi:10.1002/mrm.27073.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.inversion.padded import check_limits, data_weights, pad_field, to_map
from qsmnet_bids.inversion.second_order import GeneralisedStep
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.splitting import VariationStep
from qsmnet_bids.tensors import ChiMap, LocalField, Volume

MU = 1.0
"""Penalty of splitting off the field: it decides the speed only."""
DESCENTS = 4
"""Steps towards the field that agrees with the phase; where their angle is small, one is exact."""


@kept_blocks()
def fansi(
    local: LocalField,
    *,
    regularisation: Literal['tv', 'tgv'] = 'tv',
    alpha: float = 2e-4,
    alpha0: float = 4e-4,
    rho: float = 0.02,
    phase_scale: float = 1.0,
    max_iterations: int = 150,
    tolerance: float = 0.005,
) -> ChiMap:
    """Minimise |w (exp(i s D chi) - exp(i s field))|^2 / (2 s^2) + R(chi).

    R is alpha |gradient chi|_1 (``'tv'``), or the least alpha |gradient chi - v|_1 + alpha0
    |symmetric gradient of v|_1 over all v (``'tgv'``), which lets slopes be. Where s times the
    residual is small, this is the linear problem of ``tv``, whatever s.

    Parameters
    ----------
    local
        Field to invert; w is the median noise over the noise in the mask, at most 1 (and 1 where
        the noise is not known), and 0 outside.
    regularisation
        ``'tv'`` or ``'tgv'``.
    alpha
        Weight of the first differences, ppm mm.
    alpha0
        Weight of the second differences, ppm mm^2; of ``'tgv'`` only.
    rho
        Penalty of splitting off the first differences, mm^2, which decides the speed; that of the
        second is rho alpha0 / alpha.
    phase_scale
        s, rad of phase per ppm of field: 2 pi 42.576 B0 TE with B0 in T and TE in s, as 16 at 3 T
        and 20 ms. Fields more than pi / s off count as wrapped.
    max_iterations
        At most so many.
    tolerance
        Of the relative change of chi in the mask in one iteration; 0 to do all.

    Returns
    -------
        Zero outside the mask.
    """
    if regularisation not in {'tv', 'tgv'}:
        raise ValueError(f"regularisation must be 'tv' or 'tgv', got {regularisation!r}")
    if min(alpha, alpha0, rho) <= 0:
        raise ValueError(
            f'alpha, alpha0 and rho must be positive, got {alpha}, {alpha0} and {rho}'
        )
    if phase_scale <= 0:
        raise ValueError(f'phase_scale must be positive, got {phase_scale}')
    check_limits(max_iterations, tolerance)
    padded = pad_field(local)
    weight = data_weights(padded, weighting='noise').square_()
    first = padded.field * weight / (weight + MU)
    prox = nonlinear_prox(padded.field, weight, phase_scale)
    step: VariationStep | GeneralisedStep
    if regularisation == 'tv':
        step = VariationStep(
            first, padded.kernel, local.voxel_size, alpha=alpha, rho=rho, mu=MU, prox=prox
        )
    else:
        step = GeneralisedStep(
            first,
            padded.kernel,
            local.voxel_size,
            threshold=alpha / rho,
            rho=rho,
            rho0=rho * alpha0 / alpha,
            mu=MU,
            prox=prox,
        )
    solution = repeat(
        step,
        step.start(),
        inside=padded.inside,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return to_map(padded, solution)


def nonlinear_prox(
    field: Volume, weight: Volume, phase_scale: float
) -> Callable[[Tensor], Tensor]:
    """Give y = argmin of weight (1 - cos(s (y - field))) / s^2 + mu/2 (y - v)^2 for v.

    From v on, each step minimises a parabola that touches the objective and is nowhere below it,
    so none raises it.

    Parameters
    ----------
    field
        ppm.
    weight
        Square of w.
    phase_scale
        s, rad/ppm.
    """
    share = 1 / (weight + MU)
    steep = weight / phase_scale

    def prox(wanted: Tensor) -> Tensor:
        split = wanted.clone()
        for _ in range(DESCENTS):
            slope = torch.sub(split, field).mul_(phase_scale).sin_().mul_(steep)
            slope.add_(split, alpha=MU).sub_(wanted, alpha=MU)
            split.addcmul_(slope, share, value=-1)
        return split

    return prox
