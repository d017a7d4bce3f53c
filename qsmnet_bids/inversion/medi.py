"""Morphology-enabled dipole inversion.

T. Liu et al., Magn. Reson. Med. 66:777-783, 2011, doi:10.1002/mrm.22816; J. Liu et al.,
NeuroImage 59:2560-2568, 2012, doi:10.1016/j.neuroimage.2011.08.082. The nonlinear data term and
the treatment of outliers: T. Liu et al., Magn. Reson. Med. 69:467-476, 2013,
doi:10.1002/mrm.24272. The ventricles as zero (MEDI+0): Z. Liu et al., Magn. Reson. Med.
79:2795-2803, 2018, doi:10.1002/mrm.26946.
"""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.inversion.morphology import Objective, power, smooth_places, stiff_laplacian
from qsmnet_bids.inversion.padded import Padded, data_weights, pad_field, to_map
from qsmnet_bids.inversion.ranges import check_range
from qsmnet_bids.physics.csf import ventricles
from qsmnet_bids.physics.dipole import convolve, pad_to
from qsmnet_bids.physics.smv import sphere_kernel
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.solvers.solution import Solution
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, Volume

OUTLIER = 6.0
"""Standard deviations of the residual at which a voxel's noise is raised."""
TYPICAL = 1e-2
"""Gradient that the first guess takes for the usual one, ppm/mm."""
CG_TOLERANCE = 0.01
"""Of the residual of one Gauss-Newton step, relative to its start."""
CSF = 'cerebrospinal fluid'


@kept_blocks()
def medi(  # noqa: PLR0913 - the published parameters
    local: LocalField,
    *,
    alpha: float = 1e-4,
    edge_fraction: float = 0.3,
    weighting: Literal['noise', 'mask'] = 'noise',
    radians_per_ppm: float = 6.4,
    smv_radius_mm: float = 0.0,
    merit: bool = False,
    csf_weight: float = 0.0,
    max_iterations: int = 10,
    cg_iterations: int = 8,
    tolerance: float = 0.02,
) -> ChiMap:
    """Minimise |w (exp(i s D chi) - exp(i s field))|^2 / (2 s^2) + alpha |m gradient chi|.

    By Gauss-Newton steps, each solved by preconditioned conjugate gradients; m is 0 along the
    edges of the magnitude and 1 elsewhere, and the gradient counts by its length.

    Parameters
    ----------
    local
        Field to invert, with its magnitude.
    alpha
        Weight of the gradient where the magnitude has no edge, ppm mm.
    edge_fraction
        Part of the magnitude's differences that are taken for edges, in [0, 1).
    weighting
        w: ``'noise'`` for the median noise over the noise; ``'mask'`` for 1 in the mask.
    radians_per_ppm
        s: phase at which the field is compared, so that a difference of a whole turn counts for
        nothing: 2 pi 42.576 B0 echo spacing, here 3 T and 8 ms; 0 for the linear data term.
    smv_radius_mm
        Of the sphere whose mean is taken off the field and off the model of it, against what is
        left of the background; 0 for none.
    merit
        Whether the noise is raised where a step's residual is an outlier.
    csf_weight
        Penalty of the squared deviation from its mean in the fluid of the ventricles, which is
        zero then; needs R2*; published as 0.1; 0 for none.
    max_iterations, cg_iterations
        Gauss-Newton steps and conjugate gradients in each, at most.
    tolerance
        Of the relative change of chi in one Gauss-Newton step.

    Returns
    -------
        Zero outside the mask.
    """
    check_range('alpha', alpha, above=0)
    check_range('edge_fraction', edge_fraction, at_least=0, below=1)
    check_range('radians_per_ppm', radians_per_ppm, at_least=0)
    check_range('smv_radius_mm', smv_radius_mm, at_least=0)
    check_range('csf_weight', csf_weight, at_least=0)
    check_range('max_iterations', max_iterations, at_least=1)
    check_range('cg_iterations', cg_iterations, at_least=1)
    check_range('tolerance', tolerance, at_least=0)
    if weighting not in {'noise', 'mask'}:
        raise ValueError(f"weighting must be 'noise' or 'mask', got {weighting!r}")
    if local.magnitude is None:
        raise ValueError('medi needs the magnitude, which this local field does not have')
    if csf_weight and local.r2star is None:
        raise ValueError('csf_weight must be 0 for a local field without R2*')
    padded = pad_field(local)
    weight = data_weights(padded, weighting=weighting)
    smooth = smooth_places(padded, edge_fraction=edge_fraction)
    csf = _fluid(padded) if csf_weight else None
    if smv_radius_mm:
        padded, weight = _filtered(padded, weight, smv_radius_mm)
    objective = Objective(padded, weight, smooth, csf, alpha, csf_weight, radians_per_ppm)
    chi, change, n_iterations = _start(objective), torch.inf, 0
    while change > tolerance and n_iterations < max_iterations:
        step = _gauss_newton(objective, chi, cg_iterations)
        chi.add_(step)
        change = float(step.norm()) / max(float(chi.norm()), 1e-30)
        n_iterations += 1
        if merit:
            objective = replace(objective, weight=_without_outliers(objective, chi))
    if csf is not None:
        chi.sub_(chi[csf].mean())
    found = to_map(padded, Solution(chi, n_iterations, change, change <= tolerance))
    return found if csf is None else replace(found, reference=CSF)


def _gauss_newton(objective: Objective, chi: Volume, cg_iterations: int) -> Volume:
    kernel, voxel_size = objective.padded.kernel, objective.padded.local.voxel_size
    weight, stiffness = objective.weight.square(), objective.stiffness(chi)

    def curvature(change: Tensor) -> Tensor:
        data = convolve(convolve(change, kernel).mul_(weight), kernel)
        data.add_(stiff_laplacian(change, stiffness, voxel_size))
        return data.add_(objective.even_fluid(change))

    slope = convolve(objective.pull(objective.residual(chi)), kernel)
    slope.add_(stiff_laplacian(chi, stiffness, voxel_size)).add_(objective.even_fluid(chi))
    inverse = objective.preconditioner(stiffness)
    return conjugate_gradients(
        curvature,
        slope.neg_(),
        preconditioner=lambda residual: convolve(residual, inverse),
        max_iterations=cg_iterations,
        tolerance=CG_TOLERANCE,
    ).value


def _start(objective: Objective) -> Volume:
    """Penalise the gradient by its square, for which there is a closed form."""
    padded, kernel = objective.padded, objective.padded.kernel
    inverse = power(padded).mul_(objective.alpha / TYPICAL).addcmul_(kernel, kernel)
    return convolve(padded.field, kernel / inverse.clamp_(min=1e-6))


def _fluid(padded: Padded) -> Mask:
    local = padded.local
    if local.r2star is None:
        raise ValueError('csf_weight must be 0 for a local field without R2*')
    found = ventricles(local.r2star[padded.box], local.mask[padded.box], local.voxel_size)
    if not bool(found.any()):
        raise ValueError('csf_weight must be 0 here: no ventricle was found by its R2*')
    return pad_to(found, padded.shape)


def _filtered(padded: Padded, weight: Volume, radius: float) -> tuple[Padded, Volume]:
    """Take the spherical mean off field and kernel; weigh only where the sphere is in the mask."""
    ball = sphere_kernel(
        padded.shape,
        padded.local.voxel_size,
        radius,
        device=padded.field.device,
        dtype=padded.field.dtype,
    )
    inside = convolve(padded.inside.to(padded.field.dtype), ball) > 0.999
    if not bool(inside.any()):
        raise ValueError(f'smv_radius_mm must leave some of the mask, got {radius}')
    field = (padded.field - convolve(padded.field, ball)).mul_(inside)
    variance = torch.where(weight > 0, weight, 1).pow_(-2).mul_(padded.inside)
    variance = variance + convolve(variance, ball)
    level = variance[inside].median()
    filtered = (level / variance.clamp_(min=0.1 * float(level))).sqrt_().mul_(inside)
    return replace(padded, field=field, inside=inside, kernel=padded.kernel * (1 - ball)), filtered


def _without_outliers(objective: Objective, chi: Volume) -> Volume:
    residual, scale = objective.residual(chi).abs_(), objective.radians_per_ppm
    if scale:
        residual = residual.mul_(scale / 2).sin_().abs_().mul_(2 / scale)
    residual.mul_(objective.weight)
    limit = OUTLIER * float(residual[objective.padded.inside].std(correction=0))
    if limit == 0:
        return objective.weight
    return objective.weight / residual.div_(limit).clamp_(min=1).square_()
