"""A map of least total variation, from which a network starts.

B. Bilgic et al., Magn. Reson. Med. 72:1444-1459, 2014, doi:10.1002/mrm.25029. The weighted data
term is split off as in C. Milovic et al., Magn. Reson. Med. 80:814-821, 2018,
doi:10.1002/mrm.27073. Unlike ``inversion.tv`` it takes batches, penalties that each sample has
of its own, and a number of steps that does not depend on the data.
"""

import torch
from torch import Tensor

from qsmnet_bids.networks.fourier import AXES, grid_of
from qsmnet_bids.physics.gradient import gradient_power

JUMP = 1.0
"""Threshold of the gradient's splitting, in units of the field's scale per side of a cube of the
voxel's volume: it decides the speed, not the limit."""
COUPLING = 0.1
"""Penalty of splitting off the weighted field, likewise."""


@torch.no_grad()
def least_variation(
    field: Tensor,
    weight: Tensor,
    kernel: Tensor,
    voxel_size: Tensor,
    *,
    alpha: Tensor,
    n_steps: int,
) -> Tensor:
    """Minimise 1/2 |sqrt(weight) (D chi - field)|^2 + alpha |gradient chi|_1 by ADMM.

    chi is free outside the field's mask, so that it may explain there what sources inside cannot.

    Parameters
    ----------
    field
        Divided by its scale, shape ``(n, 1, x, y, z)``; zero outside the mask.
    weight
        Of each voxel's field, without unit; zero outside the mask.
    kernel
        Dipole kernel, as ``fourier.convolve`` has it.
    voxel_size
        Relative to the side of a cube of the same volume, shape ``(n, 3)``.
    alpha
        Weight of the total variation in those units, positive, shape ``(n,)``.
    n_steps
        Of two or more Fourier transforms each.

    Returns
    -------
        In the field's unit, shape of ``field``; neither masked nor referenced.
    """
    shape = (field.shape[2], field.shape[3], field.shape[4])
    grid = grid_of(shape, kernel)
    rho = (alpha / JUMP)[:, None, None, None]
    own = tuple(size.view(-1, 1, 1, 1) for size in voxel_size.unbind(1))
    sides = [tuple(row) for row in voxel_size.tolist()]
    power = torch.stack(
        [gradient_power(grid, (x, y, z), device=field.device) for x, y, z in sides]
    )
    inverse = COUPLING * kernel.square() + rho * power
    # neither the field nor the gradient knows the mean
    inverse[:, 0, 0, 0] = 1
    inverse = inverse.reciprocal()
    inverse[:, 0, 0, 0] = 0
    from_gradient, from_field = rho * inverse, COUPLING * kernel * inverse
    known, trusted = _grown(field[:, 0], grid), _grown(weight[:, 0], grid)
    free = COUPLING / (trusted + COUPLING)
    known = trusted * known / (trusted + COUPLING)
    data = torch.fft.rfftn(known, dim=AXES) * from_field
    spectrum, chi = data, torch.fft.irfftn(data, s=grid, dim=AXES)
    multiplier = torch.zeros_like(chi)
    cut = [torch.zeros_like(chi) for _ in AXES]
    for _ in range(n_steps):
        divergence = torch.zeros_like(chi)
        for position, (axis, size) in enumerate(zip(AXES, own, strict=True)):
            wanted = (chi.roll(-1, axis) - chi).div_(size).add_(cut[position])
            torch.clamp(wanted, -JUMP, JUMP, out=cut[position])
            flow = wanted.sub_(cut[position], alpha=2).div_(size)
            divergence.add_(flow).sub_(flow.roll(1, axis))
        penalty = torch.fft.rfftn(divergence, dim=AXES).mul_(from_gradient)
        wanted = torch.fft.irfftn(spectrum * kernel, s=grid, dim=AXES).add_(multiplier)
        split = (wanted * free).add_(known)
        multiplier = wanted.sub_(split)
        data = torch.fft.rfftn(split.sub_(multiplier), dim=AXES).mul_(from_field)
        spectrum = data - penalty
        chi = torch.fft.irfftn(spectrum, s=grid, dim=AXES)
    return chi[:, None, : shape[0], : shape[1], : shape[2]]


def _grown(volumes: Tensor, grid: tuple[int, int, int]) -> Tensor:
    x, y, z = volumes.shape[-3:]
    grow = (0, grid[2] - z, 0, grid[1] - y, 0, grid[0] - x)
    return torch.nn.functional.pad(volumes, grow)
