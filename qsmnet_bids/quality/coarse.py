"""Measures that 4 mm tell as well as 1 mm, in a hundredth of the time."""

import torch
from torch import Tensor

from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

SPACING = 4.0
"""mm; the number of voxels that are averaged is rounded to it."""
N_ENOUGH = 200


def coarsen(volume: Volume, mask: Mask, *, voxel_size: Vector) -> tuple[Tensor, Tensor]:
    """Average a volume over blocks of voxels.

    Parameters
    ----------
    volume
        Any unit, zero outside the mask.
    mask
        Where it is known.
    voxel_size
        mm.

    Returns
    -------
        The averages over the part of each block that is in the mask, and where that is at least
        half of the block.
    """
    block = [
        max(min(round(SPACING / size), n), 1)
        for size, n in zip(voxel_size, mask.shape, strict=True)
    ]
    share = _averaged(mask.to(volume.dtype), block)
    return _averaged(volume, block) / share.clamp(min=0.5), share >= 0.5


def harmonic_share(field: Tensor, mask: Tensor) -> float | None:
    """Tell how much of a field its values at the mask's edge explain as a harmonic function.

    laplace(h) = 0 inside and h = field at the edge; the share is rms(h) / rms(field) inside.

    Parameters
    ----------
    field
        Any unit, on a coarse grid.
    mask
        Where it is known.

    Returns
    -------
        0 without sources outside; None where the mask has no inside.
    """
    inside = mask.clone()
    for axis in range(3):
        inside &= _shifted(mask, 1, axis) & _shifted(mask, -1, axis)
    if int(inside.sum()) < N_ENOUGH:
        return None
    edge = torch.where(mask & ~inside, field, 0)

    def laplacian(values: Tensor) -> Tensor:
        around = sum(_shifted(values, step, axis) for axis in range(3) for step in (1, -1))
        return (6 * values - around) * inside

    target = -laplacian(edge) * inside
    if not bool(target.any()):
        return 0.0
    harmonic = conjugate_gradients(laplacian, target, max_iterations=80, tolerance=1e-2).value
    whole = field[inside].square().sum()
    return float((harmonic[inside].square().sum() / whole).sqrt()) if whole else 0.0


def asymmetry(chi: Tensor, mask: Tensor) -> float | None:
    """Compare a map with its mirror image, across the plane that mirrors the mask best.

    Parameters
    ----------
    chi
        Any unit, on a coarse grid.
    mask
        Where it is known.

    Returns
    -------
        One minus the correlation over the voxels that have a partner; None for too few.
    """
    best, chosen = 0.0, None
    for axis in range(3):
        where = mask.any(dim=tuple({0, 1, 2} - {axis})).nonzero().flatten()
        if len(where) == 0:
            return None
        low, high = int(where[0]), int(where[-1]) + 1
        cut, cut_mask = chi.narrow(axis, low, high - low), mask.narrow(axis, low, high - low)
        both = cut_mask & cut_mask.flip(axis)
        overlap = float(both.sum()) / float(cut_mask.sum())
        if overlap > best:
            best, chosen = overlap, (cut[both], cut.flip(axis)[both])
    if chosen is None or len(chosen[0]) < N_ENOUGH:
        return None
    correlation = torch.corrcoef(torch.stack(chosen))[0, 1]
    return 1 - float(correlation) if bool(correlation.isfinite()) else None


def _averaged(volume: Tensor, block: list[int]) -> Tensor:
    """Average over blocks; what does not fill one at the ends is padded with zeros."""
    pads = [pad for n, b in zip(volume.shape, block, strict=True) for pad in (-n % b, 0)][::-1]
    padded = torch.nn.functional.pad(volume, pads)
    x, y, z = (n // b for n, b in zip(padded.shape, block, strict=True))
    return padded.view(x, block[0], y, block[1], z, block[2]).mean(dim=(1, 3, 5))


def _shifted(volume: Tensor, step: int, axis: int) -> Tensor:
    """Move by one voxel; what comes in at the end is zero."""
    moved = torch.zeros_like(volume)
    n = volume.shape[axis] - 1
    moved.narrow(axis, max(step, 0), n).copy_(volume.narrow(axis, max(-step, 0), n))
    return moved
