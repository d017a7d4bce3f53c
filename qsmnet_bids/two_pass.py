"""Two maps of one acquisition in one: strong sources must not streak over the rest.

A. W. Stewart et al., Magn. Reson. Med. 87:1289-1300, 2022, doi:10.1002/mrm.29048. The first pass
sees only voxels of reliable phase; the holes in its mask (bleeds, calcifications, vessels) are
sources outside it, which the background removal takes away. The second pass sees the filled mask.
The first map is kept where there is one, and the second fills the holes.
"""

import dataclasses
from collections.abc import Callable

import torch

from qsmnet_bids.masking.phase_quality import phase_quality
from qsmnet_bids.tensors import ChiMap, Convergence, Mask, MultiEcho, TotalField


def find_reliable(echoes: MultiEcho, *, quality: float = 0.95) -> Mask:
    """Find the voxels of reliable phase, with holes left open.

    Far stricter than a mask must be: on the simulated head the haemorrhage and the calcification
    are whole holes from 0.95 on, and from 0.97 on much healthy tissue is one, too.

    Parameters
    ----------
    echoes
        Only the phase of the first two echoes is used.
    quality
        Least coherence, in (0, 1).
    """
    return phase_quality(echoes, quality=quality, fill=False)


METHODS: dict[str, Callable[..., Mask]] = {'two_pass': find_reliable}


def restrict(total: TotalField, *, reliable: Mask) -> TotalField:
    """Leave of a total field what the first pass may see.

    Parameters
    ----------
    total
        Field in the filled mask, as the second pass sees it.
    reliable
        Voxels of reliable phase, with holes left open; what lies outside the filled mask does not
        count.

    Returns
    -------
        The same field in the mask that both share, zero elsewhere.
    """
    mask = total.mask & reliable
    if not bool(mask.any()):
        raise ValueError('no voxel of the mask is reliable; lower the thresholds of the masking')
    return dataclasses.replace(
        total, field=total.field * mask, noise=total.noise * mask, mask=mask
    )


def combine(first: ChiMap, second: ChiMap) -> ChiMap:
    """Fill the holes of the first pass's map with the second's.

    Each map has a zero of its own, since the dipole field does not fix it. The second is shifted
    by the median difference over the voxels that both have, which the streaks and the few voxels
    of strong sources do not move.

    Parameters
    ----------
    first
        From the reliable voxels, not referenced.
    second
        From the filled mask, not referenced.

    Returns
    -------
        In the voxels that either has, not referenced.
    """
    if first.chi.shape != second.chi.shape or first.voxel_size != second.voxel_size:
        raise ValueError(
            f'both maps must have the same grid, got {tuple(first.chi.shape)} and '
            f'{tuple(second.chi.shape)} voxels of {first.voxel_size} and {second.voxel_size} mm'
        )
    both = first.mask & second.mask
    if not bool(both.any()):
        raise ValueError('the masks of the two passes share no voxel')
    shift = torch.median((first.chi - second.chi)[both])
    chi = torch.where(first.mask, first.chi, (second.chi + shift) * second.mask)
    return dataclasses.replace(
        second,
        chi=chi,
        mask=first.mask | second.mask,
        reference='none',
        convergence=_worse(first.convergence, second.convergence),
    )


def _worse(first: Convergence | None, second: Convergence | None) -> Convergence | None:
    """Give the one that did not converge, else the one with the greater residual."""
    both = [convergence for convergence in (first, second) if convergence is not None]
    return max(both, key=lambda c: (not c.converged, c.relative_residual), default=None)
