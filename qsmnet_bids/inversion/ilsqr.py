"""Iterative LSQR: a first map, less the streaks that the dipole's cone puts into it.

W. Li et al., NeuroImage 108:111-122, 2015, doi:10.1016/j.neuroimage.2014.12.043.
"""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.inversion.morphology import differences, power, quantile
from qsmnet_bids.inversion.padded import Padded, data_weights, pad_field, to_map
from qsmnet_bids.inversion.ranges import check_range
from qsmnet_bids.physics.dipole import convolve
from qsmnet_bids.physics.gradient import Gradient
from qsmnet_bids.physics.smv import sphere_kernel
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.lsmr import lsmr
from qsmnet_bids.solvers.solution import Solution
from qsmnet_bids.tensors import ChiMap, LocalField, Volume

LAPLACIAN_QUANTILES = (0.6, 0.999)
"""Of the field's Laplacian: up to which the field is trusted wholly, and from which not at all."""
GRADIENT_QUANTILES = (0.5, 0.7)
"""Of the fast map's gradient: up to which it is no edge, and from which it is one."""
KERNEL_QUANTILES = (0.01, 0.3)
"""Of |D|^n: up to which the fast map is smoothed wholly, and from which not at all."""
KERNEL_POWER = 0.001
"""The n of it."""
SPHERE_MM = 3.0
"""Radius of that smoothing."""


@kept_blocks()
def ilsqr(
    local: LocalField,
    *,
    weighting: Literal['noise', 'mask', 'laplacian'] = 'noise',
    cone_threshold: float = 0.1,
    start_tolerance: float = 1e-3,
    start_iterations: int = 50,
    tolerance: float = 0.01,
    max_iterations: int = 50,
) -> ChiMap:
    """Solve D w D chi = D w field, and take off what in its cone makes edges where none are.

    The streaks s have frequencies with |D| < cone_threshold only, and minimise
    |v gradient (chi - s)|^2, where v is 0 at the edges of a map that has few streaks: the field
    times the kernel's sign, smoothed near the cone.

    Both problems are solved by LSMR, for the square roots of the weights, so that the condition
    is not squared. Sources are sought in the mask alone, as a local field has no others.

    Parameters
    ----------
    local
        Field to invert.
    weighting
        w: ``'noise'`` for the square of the median noise over the noise, at most 1; ``'mask'``
        for 1; ``'laplacian'``, as published, to fall with the field's Laplacian from 1 at its
        60th percentile to 0 at the 99.9th. The last drops wrong voxels, and strong sources too.
    cone_threshold
        |D| below which a frequency may belong to a streak, in (0, 2/3).
    start_tolerance, start_iterations
        Of the first map; so early an end is what regularises it. The tolerance is of the adjoint
        applied to the residual, relative to that of the zero map.
    tolerance, max_iterations
        Of the streaks, likewise.

    Returns
    -------
        Zero outside the mask.
    """
    if weighting not in {'noise', 'mask', 'laplacian'}:
        raise ValueError(f"weighting must be 'noise', 'mask' or 'laplacian', got {weighting!r}")
    check_range('cone_threshold', cone_threshold, above=0, below=2 / 3)
    check_range('start_tolerance', start_tolerance, at_least=0)
    check_range('start_iterations', start_iterations, at_least=1)
    check_range('tolerance', tolerance, at_least=0)
    check_range('max_iterations', max_iterations, at_least=1)
    padded = pad_field(local)
    root = (
        _laplacian_weights(padded).sqrt_()
        if weighting == 'laplacian'
        else data_weights(padded, weighting=weighting)
    )
    first = _first_map(padded, root, start_tolerance, start_iterations)
    smooth = _smooth_places(_fast_map(padded), padded)
    streaks = _streaks(first.value, smooth, padded, cone_threshold, tolerance, max_iterations)
    return to_map(
        padded,
        Solution(
            first.value.sub_(streaks.value),
            first.n_iterations + streaks.n_iterations,
            streaks.relative_residual,
            streaks.converged,
        ),
    )


def _first_map(padded: Padded, root: Volume, tolerance: float, max_iterations: int) -> Solution:
    """Minimise |root (D chi - field)|^2 over the mask (equations 5 and 6)."""

    def operator(chi: Tensor) -> Tensor:
        return convolve(chi, padded.kernel).mul_(root)

    def adjoint(field: Tensor) -> Tensor:
        return convolve(field * root, padded.kernel).mul_(padded.inside)

    return lsmr(
        operator, adjoint, padded.field * root, max_iterations=max_iterations, tolerance=tolerance
    )


def _laplacian_weights(padded: Padded) -> Volume:
    """Trust the field where it is smooth (equation 7)."""
    return _falling(_laplacian(padded).abs_(), padded.inside, LAPLACIAN_QUANTILES)


def _fast_map(padded: Padded) -> Volume:
    """Show where edges are, at no scale in particular (equations 8 to 11)."""
    kernel = padded.kernel
    trust = kernel.abs().pow_(KERNEL_POWER)
    low, high = (quantile(trust.flatten(), q) for q in KERNEL_QUANTILES)
    trust.sub_(low).div_(max(high - low, 1e-12)).clamp_(0, 1)
    ball = sphere_kernel(
        padded.shape,
        padded.local.voxel_size,
        SPHERE_MM,
        device=kernel.device,
        dtype=kernel.dtype,
    )
    smoothing = torch.lerp(ball, torch.ones_like(ball), trust)
    once = convolve(padded.field, smoothing * kernel.sign()).mul_(padded.inside)
    return convolve(once, smoothing).mul_(padded.inside)


def _smooth_places(chi: Volume, padded: Padded) -> Gradient:
    """Weigh each difference in the mask by how little it looks like an edge (equation 15)."""
    steps = differences(chi, padded.local.voxel_size).abs_()
    for axis in range(3):
        between = padded.inside & padded.inside.roll(-1, axis)
        steps[axis] = _falling(steps[axis], between, GRADIENT_QUANTILES)
    return steps


def _streaks(
    chi: Volume,
    smooth: Gradient,
    padded: Padded,
    cone_threshold: float,
    tolerance: float,
    max_iterations: int,
) -> Solution:
    """Find what the cone can explain of the differences that are no edges (equations 3 and 4).

    The unknown is the length of the streaks' gradient in k-space, on which all frequencies count
    alike: their own would take many more steps.
    """
    voxel_size = padded.local.voxel_size
    cone = (padded.kernel.abs() < cone_threshold).to(chi.dtype)
    cone[0, 0, 0] = 0
    cone.div_(power(padded).sqrt_().clamp_(min=1e-12))

    def operator(streaks: Tensor) -> Tensor:
        return differences(convolve(streaks, cone), voxel_size).mul_(smooth)

    def adjoint(steps: Tensor) -> Tensor:
        result = torch.zeros_like(chi)
        for axis, size in enumerate(voxel_size):
            force = steps[axis].mul(smooth[axis]).div_(size)
            result.sub_(force).add_(force.roll(1, axis))
        return convolve(result, cone)

    target = differences(chi, voxel_size).mul_(smooth)
    solution = lsmr(operator, adjoint, target, max_iterations=max_iterations, tolerance=tolerance)
    return replace(solution, value=convolve(solution.value, cone))


def _laplacian(padded: Padded) -> Volume:
    """Add up the second differences along the axes on which both neighbours are in the mask."""
    field, inside = padded.field, padded.inside
    result = torch.zeros_like(field)
    for axis, size in enumerate(padded.local.voxel_size):
        second = field.roll(-1, axis) + field.roll(1, axis) - 2 * field
        result.add_(second.mul_(inside.roll(-1, axis) & inside.roll(1, axis)).div_(size**2))
    return result


def _falling(values: Tensor, inside: Tensor, quantiles: tuple[float, float]) -> Tensor:
    """Fall from 1 to 0 between two quantiles of the values inside; 0 outside."""
    low, high = (quantile(values[inside], q) for q in quantiles)
    weight = (high - values).div_(max(high - low, 1e-12 * max(high, 1.0))).clamp_(0, 1)
    return weight.masked_fill_(values <= low, 1).mul_(inside)
