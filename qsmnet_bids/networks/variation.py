"""Maps of least total variation, from which a network starts.

B. Bilgic et al., Magn. Reson. Med. 72:1444-1459, 2014, doi:10.1002/mrm.25029. The weighted data
term is split off as in C. Milovic et al., Magn. Reson. Med. 80:814-821, 2018,
doi:10.1002/mrm.27073. Unlike ``inversion.tv`` it takes batches, penalties that each sample has
of its own, a number of steps that does not depend on the data, and sources outside the mask at
a price of their own: what background removal leaves is the field of such sources, as the total
field of Z. Liu et al., Magn. Reson. Med. 78:303-315, 2017, doi:10.1002/mrm.26331; and variation
that costs the less, the steeper the map is, so that an edge which has been found is not worn
down: E. Candes et al., J. Fourier Anal. Appl. 14:877-905, 2008, doi:10.1007/s00041-008-9045-x.
Where a field is far from what any map explains, as flow and bleeds leave it, it is hardly relied
on, as in T. Liu et al., Magn. Reson. Med. 69:467-476, 2013, doi:10.1002/mrm.24272; in the end that
counts by its amount and not by its square: C. Milovic et al., Magn. Reson. Med. 87:457-473, 2022,
doi:10.1002/mrm.28957.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.fourier import grid_of
from qsmnet_bids.networks.neighbours import widened
from qsmnet_bids.physics.gradient import steepness
from qsmnet_bids.solvers.splitting import VariationStep
from qsmnet_bids.vectors import Vector

JUMPS = (2.0, 0.35)
"""Threshold of the gradient's splitting, in units of the field's scale per side of a cube of the
voxel's volume, while sources outside the mask are cheap and in the last stage: it decides the
speed, not the limit."""
COUPLINGS = (4.0, 14.0)
"""Penalty of splitting off the weighted field, likewise, relative to alpha: cheap sources are
soonest found with a loose one."""
LEAST_COUPLING = 0.03
"""Of the last stage, added to that: where there is no noise, alpha is next to nothing."""
RELAXATION = 1.8
"""Of both: two steps do what three or four do without."""
SMOOTH = 1.8
"""Of smooth errors: the standard deviation of the Gaussian that makes them of white ones, sides of
a cube of the voxel's volume."""
LOOKS = 5
"""Steps from one look at the map's edges to the next."""
FAR_OFF = (0.3, 3.0)
"""Residual times the root of its weight from which on a voxel's field is no tissue's: in the
field's unit, and what ``Price.most`` adds, relative to it."""
RELIANCE = 0.01
"""On such a voxel, relative to others."""
AROUND = 1
"""Layers of voxels around it in which edges are no cheaper than other variation."""


class Price(NamedTuple):
    """What variation and residuals cost, for each sample; none negative, shape ``(n,)``.

    Parameters
    ----------
    alpha
        Weight of the total variation, in units of the field's scale and the side of a cube of
        the voxel's volume.
    edge
        Gradient at which it costs half, in the field's unit per such side; infinity for the same
        price everywhere.
    most
        Residual times the root of its weight up to which it counts by its square, in the field's
        unit; infinity for all.
    smooth
        Power of smooth errors at the lowest frequencies over that of white ones; zero for none.
    """

    alpha: Tensor
    edge: Tensor
    most: Tensor
    smooth: Tensor


class Found(NamedTuple):
    """What least variation makes of a batch of fields.

    Parameters
    ----------
    maps
        A channel for each stage in the field's unit, shape ``(n, len(stages), x, y, z)``, neither
        masked nor referenced.
    outer
        Field of the first stage's sources outside the mask, shape ``(n, 1, x, y, z)``.
    reliance
        On each voxel's field: 1, or ``RELIANCE`` where no map explains it; shape of ``outer``.
    """

    maps: Tensor
    outer: Tensor
    reliance: Tensor


@torch.no_grad()
def least_variation(
    field: Tensor,
    weight: Tensor,
    kernel: Tensor,
    voxel_size: Tensor,
    *,
    price: Price,
    stages: Sequence[tuple[int, float]],
    more: Tensor | None = None,
) -> Found:
    """Minimise 1/2 |sqrt(weight) (D chi - field)|^2 + alpha |share gradient chi|_1 by ADMM.

    Where errors are smooth, too, they are a part e of the field that costs |e(k)|^2 / (2 S(k)).
    Every few steps of the first stage, voxels whose field is far from what the map explains lose
    all but ``RELIANCE`` of their weight, and those that no longer are get it back. In the last of
    several stages a residual of more than ``price.most`` counts by its amount, as Huber has it,
    not by its square. In the mask the share is 1 / (1 + (|gradient chi| / edge)^2), looked up
    every few steps; in the last stage not around voxels whose field no map explains, where all
    that was found to explain it after all is worn down again. chi is free outside the mask, so
    that it may explain there what sources inside cannot.

    Parameters
    ----------
    field
        Divided by its scale, shape ``(n, 1, x, y, z)``; zero outside the mask.
    weight
        Of each voxel's field, without unit; positive in the mask, zero outside.
    kernel
        Dipole kernel, as ``fourier.convolve`` has it.
    voxel_size
        Relative to the side of a cube of the same volume, shape ``(n, 3)``.
    price
        Of variation and residuals.
    stages
        Numbers of steps, of four Fourier transforms each, and what a gradient outside the mask
        costs relative to a weak one inside; a stage goes on from the last.
    more
        Further steps of the last stage, whole numbers, shape ``(n,)``; none if not given.
    """
    x, y, z = field.shape[2:]
    if field.is_meta:  # operations are only counted: there are no numbers to go by
        none = field.new_zeros((len(field), len(stages), x, y, z))
        return Found(none, torch.zeros_like(field), torch.zeros_like(field))
    grid = grid_of((x, y, z), kernel)
    grow = (0, grid[2] - z, 0, grid[1] - y, 0, grid[0] - x)
    fields, weights = (nn.functional.pad(part[:, 0], grow) for part in (field, weight))
    further = torch.zeros(len(field)) if more is None else more
    sides, prices = voxel_size.tolist(), zip(*(each.tolist() for each in price), strict=True)
    ends = [[*stages[:-1], (stages[-1][0] + int(n), stages[-1][1])] for n in further]
    parts = zip(fields, weights, kernel, sides, prices, ends, strict=True)
    maps: list[Tensor] = []
    outer: list[Tensor] = []
    reliance: list[Tensor] = []
    for part in parts:
        own, relied = _run(*part)
        maps.append(torch.stack(own)[..., :x, :y, :z])
        reliance.append(relied[:x, :y, :z])
        outside = own[0] * (part[1] == 0)
        spectrum = torch.fft.rfftn(outside).mul_(part[2])
        outer.append(torch.fft.irfftn(spectrum, s=grid)[:x, :y, :z])
    return Found(torch.stack(maps), torch.stack(outer)[:, None], torch.stack(reliance)[:, None])


def _run(
    field: Tensor,
    weight: Tensor,
    kernel: Tensor,
    sides: list[float],
    prices: tuple[float, float, float, float],
    stages: Sequence[tuple[int, float]],
) -> tuple[list[Tensor], Tensor]:
    alpha, edge, most, smooth = prices
    loose, tight = (coupling * alpha for coupling in COUPLINGS)
    tight += LEAST_COUPLING
    jump = JUMPS[0]
    known, prox = _split(field, weight, loose)
    x, y, z = sides
    step = VariationStep(
        known,
        kernel,
        (x, y, z),
        alpha=alpha,
        rho=alpha / jump,
        mu=loose,
        prox=prox,
        relaxation=RELAXATION,
        smooth=_smooth_power(field, (x, y, z), smooth) if smooth else None,
    )
    chi, maps, reliance = step.start(), [], torch.ones_like(field)
    for stage, (n_steps, price) in enumerate(stages):
        if stage and stage == len(stages) - 1:
            jump = JUMPS[1]
            step.couple(
                tight, _split_robustly(field, reliance * weight, tight, most), rho=alpha / jump
            )
        for index in range(n_steps):
            if index % LOOKS == 0:
                if index and not stage:
                    far_off = _far_off(field - step.explained(), weight, most)
                    reliance = torch.where(far_off, RELIANCE, 1.0)
                    _, step.prox = _split(field, reliance * weight, loose)
                inside = steepness(chi, (x, y, z)).div_(edge**2).add_(1).reciprocal_()
                if index and stage and stage == len(stages) - 1:
                    inside[_around_far_off(step, field, weight, most)] = 1
                step.gradient.threshold = torch.where(weight > 0, inside, price).mul_(jump)
            chi = step(chi)
        maps.append(chi)
    return maps, reliance


def _far_off(residual: Tensor, weight: Tensor, most: float) -> Tensor:
    return residual.abs().mul_(weight.sqrt()) > FAR_OFF[0] + FAR_OFF[1] * most


def _around_far_off(step: VariationStep, field: Tensor, weight: Tensor, most: float) -> Tensor:
    """Tell where voxels are near, whose field the map does not explain."""
    if step.split_field is None:
        raise ValueError('only a relaxed iteration tells what it leaves of the field')
    far_off = _far_off(field - step.split_field, weight, most).to(field.dtype)
    return widened(far_off, AROUND) > 0


def _smooth_power(like: Tensor, sides: Vector, most: float) -> Tensor:
    """Give the power of smooth errors over that of white ones at each frequency."""
    axes = [
        torch.fft.fftfreq(n, side, device=like.device)
        for n, side in zip(like.shape[:2], sides[:2], strict=True)
    ]
    axes.append(torch.fft.rfftfreq(like.shape[2], sides[2], device=like.device))
    x, y, z = ((2 * math.pi * SMOOTH * axis).square().neg().exp() for axis in axes)
    return (most * x)[:, None, None] * y[:, None] * z


def _split(
    field: Tensor, weight: Tensor, coupling: float
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Give the first split field, and how the next follows from what is wanted."""
    share = 1 / (weight + coupling)
    known, free = share * weight * field, share.mul_(coupling)
    return known, lambda wanted: (wanted * free).add_(known)


def _split_robustly(
    field: Tensor, weight: Tensor, coupling: float, most: float
) -> Callable[[Tensor], Tensor]:
    """Likewise, with Huber's penalty: no residual pulls harder than ``most``."""
    share = weight / (weight + coupling)
    pull = torch.where(weight > 0, weight.sqrt() * (most / coupling), 0)

    def prox(wanted: Tensor) -> Tensor:
        towards = torch.sub(field, wanted).mul_(share)
        return torch.minimum(torch.maximum(towards, -pull), pull).add_(wanted)

    return prox
