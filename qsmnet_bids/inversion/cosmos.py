"""Susceptibility from several orientations of one head (COSMOS).

T. Liu et al., Magn. Reson. Med. 61:196-204, 2009, doi:10.1002/mrm.21828.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from qsmnet_bids.inversion.padded import data_weights, pad_field, to_map
from qsmnet_bids.inversion.ranges import check_range
from qsmnet_bids.physics.dipole import convolve, pad_to
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import ChiMap, LocalField

LEAST_ANGLE = 5.0
"""Degrees between B0 directions that differ."""


@kept_blocks()
def cosmos(
    orientations: Sequence[LocalField],
    *,
    alpha: float = 1e-4,
    weighting: Literal['noise', 'mask', 'none'] = 'noise',
    max_iterations: int = 60,
    tolerance: float = 1e-3,
) -> ChiMap:
    """Minimise the sum of |w (D chi - field)|^2 over the orientations, plus alpha |chi|^2.

    Without weights, chi(k) = sum of D field(k) / (sum of D^2 + alpha); with them this is the
    start, and preconditions the conjugate gradients that go on from it.

    Parameters
    ----------
    orientations
        Local fields of one head on one grid, each with the direction that B0 had in it: at least
        two different ones.
    alpha
        Penalty where no orientation tells anything, without unit.
    weighting
        w: ``'noise'`` for the median noise over the noise in each mask; ``'mask'`` for 1 in it
        and 0 outside; ``'none'`` for 1 everywhere.
    max_iterations, tolerance
        Of the conjugate gradients; the tolerance is of the residual relative to the right-hand
        side. Not used without weights.

    Returns
    -------
        Zero outside the intersection of the masks; its B0 direction is that of the first field.
    """
    check_range('alpha', alpha, above=0)
    check_range('max_iterations', max_iterations, at_least=1)
    check_range('tolerance', tolerance, at_least=0)
    if weighting not in {'noise', 'mask', 'none'}:
        raise ValueError(f"weighting must be 'noise', 'mask' or 'none', got {weighting!r}")
    _check(orientations)
    union = reduce(torch.logical_or, (local.mask for local in orientations))
    # all are cropped to one box, in which each is known in its own mask
    problems = [
        pad_field(replace(local, field=local.field * local.mask, mask=union))
        for local in orientations
    ]
    kernels = [problem.kernel for problem in problems]
    inverse = reduce(torch.add, (kernel.square() for kernel in kernels)).add_(alpha).reciprocal_()
    own = [
        replace(problem, local=local, inside=pad_to(local.mask[problem.box], problem.shape))
        for problem, local in zip(problems, orientations, strict=True)
    ]
    weights = [data_weights(problem, weighting=weighting).square_() for problem in own]

    def adjoint(fields: Sequence[Tensor]) -> Tensor:
        parts = (convolve(f, kernel) for f, kernel in zip(fields, kernels, strict=True))
        return reduce(torch.add, parts)

    def operator(chi: Tensor) -> Tensor:
        fields = [
            convolve(chi, kernel).mul_(weight)
            for kernel, weight in zip(kernels, weights, strict=True)
        ]
        return adjoint(fields).add_(chi, alpha=alpha)

    start = convolve(adjoint([problem.field for problem in problems]), inverse)
    target = adjoint([p.field * weight for p, weight in zip(problems, weights, strict=True)])
    solution = conjugate_gradients(
        operator,
        target,
        start=start,
        preconditioner=lambda residual: convolve(residual, inverse),
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    found = to_map(problems[0], solution)
    common = reduce(torch.logical_and, (local.mask for local in orientations))
    return replace(found, chi=found.chi * common, mask=common)


def _check(orientations: Sequence[LocalField]) -> None:
    if len(orientations) < 2:
        raise ValueError(f'orientations must be at least 2, got {len(orientations)}')
    first = orientations[0]
    for local in orientations[1:]:
        if local.field.shape != first.field.shape or local.voxel_size != first.voxel_size:
            raise ValueError(
                'orientations must be on one grid, got '
                f'{tuple(first.field.shape)} of {first.voxel_size} mm and '
                f'{tuple(local.field.shape)} of {local.voxel_size} mm'
            )
    directions = torch.tensor([local.b0_dir for local in orientations], dtype=torch.float64)
    directions = directions / directions.norm(dim=1, keepdim=True)
    if float((directions @ directions[0]).abs().min()) > math.cos(math.radians(LEAST_ANGLE)):
        raise ValueError(
            f'orientations must differ in their B0 direction by at least {LEAST_ANGLE:g} degrees, '
            f'got {[local.b0_dir for local in orientations]}'
        )
