"""Maps of least total variation, from which a network starts.

B. Bilgic et al., Magn. Reson. Med. 72:1444-1459, 2014, doi:10.1002/mrm.25029. The weighted data
term is split off as in C. Milovic et al., Magn. Reson. Med. 80:814-821, 2018,
doi:10.1002/mrm.27073. Unlike ``inversion.tv`` it takes batches, penalties that each sample has
of its own, a number of steps that does not depend on the data, and sources outside the mask at
a price of their own: what background removal leaves is the field of such sources, as the total
field of Z. Liu et al., Magn. Reson. Med. 78:303-315, 2017, doi:10.1002/mrm.26331.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.fourier import grid_of
from qsmnet_bids.solvers.splitting import VariationStep

JUMP = 1.0
"""Threshold of the gradient's splitting, in units of the field's scale per side of a cube of the
voxel's volume: it decides the speed, not the limit."""
COUPLING = 7.0
"""Penalty of splitting off the weighted field, likewise, relative to alpha."""
RELAXATION = 1.8
"""Of both: two steps do what three or four do without."""


@torch.no_grad()
def least_variation(
    field: Tensor,
    weight: Tensor,
    kernel: Tensor,
    voxel_size: Tensor,
    *,
    alpha: Tensor,
    stages: Sequence[tuple[int, float]],
) -> tuple[Tensor, Tensor]:
    """Minimise 1/2 |sqrt(weight) (D chi - field)|^2 + alpha |gradient chi|_1 by ADMM.

    chi is free outside the mask, so that it may explain there what sources inside cannot.

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
    alpha
        Weight of the total variation in those units, positive, shape ``(n,)``.
    stages
        Numbers of steps, of four Fourier transforms each, and what a gradient outside the mask
        costs relative to one inside; a stage goes on from the last.

    Returns
    -------
        A channel for each stage in the field's unit, shape ``(n, len(stages), x, y, z)``, neither
        masked nor referenced; and the field of the first stage's sources outside the mask, shape
        ``(n, 1, x, y, z)``.
    """
    x, y, z = field.shape[2:]
    if field.is_meta:  # operations are only counted: there are no numbers to go by
        return field.new_zeros((len(field), len(stages), x, y, z)), torch.zeros_like(field)
    grid = grid_of((x, y, z), kernel)
    grow = (0, grid[2] - z, 0, grid[1] - y, 0, grid[0] - x)
    fields, weights = (nn.functional.pad(part[:, 0], grow) for part in (field, weight))
    parts = zip(fields, weights, kernel, voxel_size.tolist(), alpha.tolist(), strict=True)
    maps, outer = [], []
    for part in parts:
        own = _run(*part, stages)
        maps.append(torch.stack(own)[..., :x, :y, :z])
        outside = own[0] * (part[1] == 0)
        spectrum = torch.fft.rfftn(outside).mul_(part[2])
        outer.append(torch.fft.irfftn(spectrum, s=grid)[:x, :y, :z])
    return torch.stack(maps), torch.stack(outer)[:, None]


def _run(
    field: Tensor,
    weight: Tensor,
    kernel: Tensor,
    sides: list[float],
    alpha: float,
    stages: Sequence[tuple[int, float]],
) -> list[Tensor]:
    coupling = COUPLING * alpha
    share = 1 / (weight + coupling)
    known, free = share * weight * field, share.mul_(coupling)

    def prox(wanted: Tensor) -> Tensor:
        return (wanted * free).add_(known)

    x, y, z = sides
    step = VariationStep(
        known,
        kernel,
        (x, y, z),
        alpha=alpha,
        rho=alpha / JUMP,
        mu=coupling,
        prox=prox,
        relaxation=RELAXATION,
    )
    chi, maps = step.start(), []
    for n_steps, price in stages:
        # a price of 1 needs no volume, which takes longer
        most = torch.where(weight > 0, JUMP, JUMP * price) if price != 1 else JUMP
        step.gradient.threshold = most
        for _ in range(n_steps):
            chi = step(chi)
        maps.append(chi)
    return maps
