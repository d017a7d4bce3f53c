"""A background as a sum of solid harmonics: smooth, of low order, and quickly fitted.

F. Schweser et al., NMR Biomed. 30:e3604, 2017, doi:10.1002/nbm.3604, compare such fits with other
methods.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from qsmnet_bids.background.region import Region, as_local, cut_out, noise_weights
from qsmnet_bids.tensors import LocalField, TotalField, Volume
from qsmnet_bids.vectors import Vector

MOST_ORDERS = 12
SLAB = 8
"""Planes of the volume whose basis functions are held at once."""
LEAST_EIGENVALUE = 1e-10
"""Combinations of basis functions that are weaker than this in the mask are left out."""


def harmonics(total: TotalField, *, order: int = 4) -> LocalField:
    """Fit the total field by solid harmonics up to an order, and subtract the fit.

    Minimise |W (field - sum of c_lm r^l Y_lm)|^2 over the c_lm with l up to ``order``, where W is
    the inverse of the noise and r runs from the middle of the mask.

    Parameters
    ----------
    total
        Field to split.
    order
        Highest l, from 0 to 12; there are (order + 1)^2 functions.

    Returns
    -------
        What is left of the field in the whole mask.
    """
    if not 0 <= order <= MOST_ORDERS:
        raise ValueError(f'order must be from 0 to {MOST_ORDERS}, got {order}')
    region = cut_out(total, margin_mm=0.0)
    weights = noise_weights(total, region)
    n = (order + 1) ** 2
    gram = region.field.new_zeros((n, n), dtype=torch.float64)
    image = region.field.new_zeros(n, dtype=torch.float64)
    for start, basis in _slabs(region, total.voxel_size, order):
        slab = slice(start, start + SLAB)
        inside = region.mask[slab]
        weight = weights[slab][inside].double()
        weighted = basis[:, inside] * weight
        gram += weighted @ weighted.T
        image += weighted @ (region.field[slab][inside] * weight)
    scale = gram.diagonal().sqrt().clamp(min=1e-30)
    inverse = torch.linalg.pinv(
        gram / scale / scale[:, None], rtol=LEAST_EIGENVALUE, hermitian=True
    )
    coefficients = inverse @ (image / scale) / scale
    local = region.field.clone()
    for start, basis in _slabs(region, total.voxel_size, order):
        background = torch.tensordot(coefficients, basis, dims=1)
        local[start : start + SLAB] -= background.to(local.dtype)
    return as_local(total, region, field=local, known=region.mask)


def solid_harmonics(x: Tensor, y: Tensor, z: Tensor, order: int) -> Tensor:
    """Evaluate the real solid harmonics r^l Y_lm up to an order, without normalisation.

    Parameters
    ----------
    x, y, z
        Positions, any unit, shapes that broadcast.
    order
        Highest l.

    Returns
    -------
        (order + 1)^2 functions, which lead.
    """
    squared = x**2 + y**2 + z**2
    ones = torch.ones_like(squared)
    functions = []
    real, imaginary = ones, torch.zeros_like(ones)
    for m in range(order + 1):
        former, height = torch.zeros_like(ones), ones
        for degree in range(m, order + 1):
            functions.append(real * height)
            if m:
                functions.append(imaginary * height)
            raised = (2 * degree + 1) * z * height - (degree + m) * squared * former
            former, height = height, raised / (degree - m + 1)
        real, imaginary = x * real - y * imaginary, x * imaginary + y * real
    return torch.stack(functions)


def _slabs(region: Region, voxel_size: Vector, order: int) -> Iterator[tuple[int, Volume]]:
    """Give the first plane and the basis functions of each slab, of size about 1 in the mask."""
    index = region.mask.nonzero().double()
    middle = (index.amin(0) + index.amax(0)) / 2
    size = torch.tensor(voxel_size, device=index.device, dtype=torch.float64)
    reach = max(float((index - middle).mul_(size).norm(dim=1).max()), min(voxel_size))
    x, y, z = (
        (torch.arange(n, device=index.device, dtype=torch.float64) - centre) * edge / reach
        for n, centre, edge in zip(region.mask.shape, middle, size, strict=True)
    )
    for start in range(0, len(x), SLAB):
        part = x[start : start + SLAB, None, None]
        yield start, solid_harmonics(part, y[:, None], z, order)
