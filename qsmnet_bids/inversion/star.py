"""STAR-QSM: total variation on two levels, for sources that differ much in strength.

H. Wei et al., NMR Biomed. 28:1294-1303, 2015, doi:10.1002/nbm.3383.
"""

from dataclasses import replace

from qsmnet_bids.inversion.padded import MARGIN_MM
from qsmnet_bids.inversion.ranges import check_range
from qsmnet_bids.inversion.tv import tv
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import ChiMap, Convergence, LocalField


@kept_blocks()
def star(
    local: LocalField,
    *,
    strong_alpha: float = 2e-3,
    weak_alpha: float = 2e-4,
    max_iterations: int = 100,
    tolerance: float = 5e-3,
) -> ChiMap:
    """Find strong sources under a large penalty, then the rest under a small one.

    chi = chi_strong + chi_weak, each the minimum of |w (D chi - field)|^2 / 2 + alpha |gradient
    chi|_1, the second for the field that the first leaves.

    Parameters
    ----------
    local
        Field to invert.
    strong_alpha
        Weight of the gradient at the first level, ppm mm, above ``weak_alpha``.
    weak_alpha
        At the second level.
    max_iterations
        At each level.
    tolerance
        Of the relative change of chi in one iteration.

    Returns
    -------
        Zero outside the mask.
    """
    check_range('weak_alpha', weak_alpha, above=0)
    if strong_alpha <= weak_alpha:
        raise ValueError(
            f'strong_alpha must be above weak_alpha, got {strong_alpha} and {weak_alpha}'
        )
    check_range('max_iterations', max_iterations, at_least=1)
    check_range('tolerance', tolerance, at_least=0)
    strong = tv(local, alpha=strong_alpha, max_iterations=max_iterations, tolerance=tolerance)
    explained = forward_field(
        strong.chi, voxel_size=local.voxel_size, b0_dir=local.b0_dir, margin_mm=MARGIN_MM
    )
    rest = replace(local, field=(local.field - explained) * local.mask)
    weak = tv(rest, alpha=weak_alpha, max_iterations=max_iterations, tolerance=tolerance)
    return replace(
        weak,
        chi=strong.chi + weak.chi,
        convergence=_both(strong.convergence, weak.convergence),
    )


def _both(first: Convergence | None, second: Convergence | None) -> Convergence | None:
    if first is None or second is None:
        return None
    return Convergence(
        first.n_iterations + second.n_iterations,
        second.relative_residual,
        first.converged and second.converged,
    )
