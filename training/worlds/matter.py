"""What a world is made of, before anything of it is measured."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.phantom.averaging import block_mean
from qsmnet_bids.vectors import Vector


@dataclass(frozen=True)
class Grid:
    """The grid that the worlds of a batch share but for their voxels' form.

    Parameters
    ----------
    side
        Voxels along each axis.
    voxel_sizes
        Of each world, relative to the geometric mean.
    b0_dirs
        Unit vector of each world.
    """

    side: int
    voxel_sizes: tuple[Vector, ...]
    b0_dirs: tuple[Vector, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in x, y, z."""
        return self.side, self.side, self.side

    @property
    def n_worlds(self) -> int:
        """Number of worlds."""
        return len(self.voxel_sizes)

    def finer(self, n: int) -> 'Grid':
        """Give the grid with ``n`` voxels for one, along each axis.

        Parameters
        ----------
        n
            Voxels.
        """
        return Grid(n * self.side, self.voxel_sizes, self.b0_dirs)

    def part(self, start: int, stop: int) -> 'Grid':
        """Give some of the worlds.

        Parameters
        ----------
        start, stop
            First, and first no more.
        """
        return Grid(self.side, self.voxel_sizes[start:stop], self.b0_dirs[start:stop])


@dataclass(frozen=True)
class Matter:
    """Worlds of matter; all of shape ``(world, x, y, z)``.

    Parameters
    ----------
    chi
        Susceptibility as if tissue was everywhere, ppm.
    level
        Distance from the body's surface, negative inside, in mean voxels, to first order.
    signal
        Magnitude, relative to that of ordinary tissue.
    white
        Share that is white matter, where fibres may have an order.
    """

    chi: Tensor
    level: Tensor
    signal: Tensor
    white: Tensor

    def averaged(self, n: int) -> 'Matter':
        """Average over voxels ``n`` times as long.

        Parameters
        ----------
        n
            Sides of a voxel in those of these.
        """
        if n == 1:
            return self
        return Matter(
            block_mean(self.chi, n),
            block_mean(self.level, n) / n,
            block_mean(self.signal, n),
            block_mean(self.white, n),
        )


def joined(first: Matter | None, second: Matter | None) -> Matter:
    """Put the worlds of both into one record.

    Parameters
    ----------
    first, second
        At least one of them.
    """
    parts = [part for part in (first, second) if part is not None]
    if len(parts) == 1:
        return parts[0]
    return Matter(
        torch.cat([part.chi for part in parts]),
        torch.cat([part.level for part in parts]),
        torch.cat([part.signal for part in parts]),
        torch.cat([part.white for part in parts]),
    )
