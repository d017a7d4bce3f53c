"""Total variation by ADMM.

B. Bilgic et al., Magn. Reson. Med. 72:1444-1459, 2014, doi:10.1002/mrm.25029. The weighted data
term is split off as in C. Milovic et al., Magn. Reson. Med. 80:814-821, 2018,
doi:10.1002/mrm.27073.
"""

from collections.abc import Callable

from torch import Tensor

from qsmnet_bids.inversion.padded import (
    Weighting,
    check_limits,
    data_weights,
    pad_field,
    to_map,
)
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.splitting import VariationStep
from qsmnet_bids.tensors import ChiMap, LocalField


@kept_blocks()
def tv(
    local: LocalField,
    *,
    alpha: float = 2e-4,
    rho: float = 0.02,
    mu: float = 0.1,
    weighting: Weighting = 'mask',
    max_iterations: int = 250,
    tolerance: float = 0.01,
) -> ChiMap:
    """Minimise 1/2 |w (D chi - field)|^2 + alpha |gradient chi|_1.

    The gradient's three components count each by its absolute value.

    Parameters
    ----------
    local
        Field to invert.
    alpha
        Weight of the total variation, ppm mm.
    rho
        Penalty of splitting off the gradient, mm^2: it decides the speed, not the limit.
    mu
        Penalty of splitting off the weighted field, likewise; not used for ``weighting='none'``.
    weighting
        w: ``'mask'`` for 1 in the mask and 0 outside; ``'noise'`` for the median noise over the
        noise in the mask, at most 1 (and 1 where the noise is not known), and 0 outside;
        ``'none'`` for 1 everywhere, as if the field were known to be zero outside the mask.
    max_iterations
        At most so many.
    tolerance
        Of the relative change of chi in the mask in one iteration; 0 to do all.

    Returns
    -------
        Zero outside the mask.
    """
    if alpha <= 0 or rho <= 0 or mu <= 0:
        raise ValueError(f'alpha, rho and mu must be positive, got {alpha}, {rho} and {mu}')
    if weighting not in {'noise', 'mask', 'none'}:
        raise ValueError(f"weighting must be 'noise', 'mask' or 'none', got {weighting!r}")
    check_limits(max_iterations, tolerance)
    padded = pad_field(local)
    field, penalty = padded.field, 1.0
    prox: Callable[[Tensor], Tensor] | None = None
    if weighting != 'none':
        weight = data_weights(padded, weighting=weighting).square_()
        share = 1 / (weight + mu)
        known, free = weight.mul_(share).mul_(padded.field), share.mul_(mu)
        field, penalty = known, mu

        def closed(wanted: Tensor) -> Tensor:
            return (wanted * free).add_(known)

        prox = closed

    step = VariationStep(
        field, padded.kernel, local.voxel_size, alpha=alpha, rho=rho, mu=penalty, prox=prox
    )
    solution = repeat(
        step,
        step.start(),
        inside=padded.inside,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return to_map(padded, solution)
