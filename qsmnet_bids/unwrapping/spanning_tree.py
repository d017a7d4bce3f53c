"""Unwrap along the heaviest tree that joins all voxels of a mask, without a loop over voxels.

Growing a region over the heaviest edge first (R. C. Prim, Bell Syst. Tech. J. 36:1389-1401, 1957,
doi:10.1002/j.1538-7305.1957.tb01515.x) follows the maximum spanning tree, whatever its seed. Any
algorithm may find that tree, and the turns are then sums along its branches.
"""

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    minimum_spanning_tree,
)

from qsmnet_bids.physics.gradient import Gradient
from qsmnet_bids.physics.selection import select
from qsmnet_bids.tensors import Mask, Volume


def grow(phase: Volume, weights: Gradient, *, mask: Mask) -> Volume:
    """Unwrap each voxel by the neighbour from which the heaviest edges lead to it.

    Parameters
    ----------
    phase
        rad, wrapped.
    weights
        Of the edges to the next neighbour along x, y, z, at most 1; shape (3, x, y, z).
    mask
        Where to unwrap; at least one voxel.

    Returns
    -------
        rad, differs from ``phase`` by multiples of 2 pi; each connected part of the mask has an
        arbitrary turn; zero outside it.
    """
    wrapped = select(phase, mask).double().cpu().numpy()
    tree = minimum_spanning_tree(_graph(weights, mask))
    n_parts, part = connected_components(tree, directed=False)
    turns = _sum_along_branches(wrapped, _parents(tree, n_parts, part))
    result = torch.zeros_like(phase)
    result[mask] = torch.from_numpy(2 * np.pi * turns).to(phase)
    return torch.where(mask, phase + result, 0)


def _graph(weights: Gradient, mask: Mask) -> csr_array:
    """List the edges within the mask, each once and with its cost, between 1 and 2."""
    number = torch.cumsum(mask.flatten(), 0, dtype=torch.int32).view(mask.shape) - 1
    ends, costs, kept = [], [], []
    for axis in range(3):
        n = mask.shape[axis] - 1
        inside, end = torch.zeros_like(mask), torch.zeros_like(number)
        inside.narrow(axis, 0, n).copy_(mask.narrow(axis, 1, n))
        end.narrow(axis, 0, n).copy_(number.narrow(axis, 1, n))
        kept.append(select(inside, mask))
        ends.append(select(end, mask))
        costs.append(2 - select(weights[axis], mask))
    keep = torch.stack(kept, 1)
    starts = torch.zeros(len(keep) + 1, dtype=torch.int64, device=mask.device)
    torch.cumsum(keep.sum(1), 0, out=starts[1:])
    parts = (torch.stack(costs, 1)[keep], torch.stack(ends, 1)[keep], starts.int())
    return csr_array(tuple(part.cpu().numpy() for part in parts), shape=(len(keep), len(keep)))


def _parents(tree: csr_array, n_parts: int, part: np.ndarray) -> np.ndarray:
    """Give each voxel the next one on the way to its part's root; roots are their own parents."""
    n = len(part)
    roots = np.empty(n_parts, dtype=np.int32)
    roots[part[::-1]] = np.arange(n - 1, -1, -1, dtype=np.int32)
    # one more node, joined to each root, so that a single search reaches every part
    edges = tree.tocoo()
    ends = np.concatenate([edges.coords[1], roots])
    beginnings = np.concatenate([edges.coords[0], np.full(n_parts, n, dtype=np.int32)])
    joined = coo_array((np.ones(len(ends)), (beginnings, ends)), shape=(n + 1, n + 1))
    parents = breadth_first_order(joined.tocsr(), n, directed=False)[1][:n]
    parents[roots] = roots
    return parents


def _sum_along_branches(wrapped: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Add up the turns between voxel and parent from the root on, by doubling the stride."""
    turns = np.rint((wrapped[parents] - wrapped) / (2 * np.pi))
    while True:
        grandparents = parents[parents]
        if np.array_equal(grandparents, parents):
            return turns
        turns += turns[parents]
        parents = grandparents
