"""How far a field is to be trusted, by what it is told of its noise and what its cone tells.

White noise lies at the highest frequencies for the most part, where total variation removes it at
little cost. Smooth errors, as the order of white matter's fibres and what background removal does
wrong, are strongest at the lowest frequencies, where variation costs next to nothing: they are a
part of the field of their own, see ``variation.least_variation``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.networks.scaling import VOXELS, divisor
from qsmnet_bids.networks.variation import Price

VARIATION = (0.0005, 0.15)
"""Weight of the total variation without noise, and what noise as strong as the field adds."""
EDGE = (1.0, 12.0)
"""Gradient at which variation costs half, likewise, in the field's mean magnitude per voxel."""
MOST = (0.02, 2.0)
"""Residual from which on it counts by its amount, likewise, in the field's mean magnitude."""
CLEAN = 0.05
"""Share of noise at which there is hardly any."""
SMOOTH, SMOOTHEST = 1.2, 6.0
"""Power of smooth errors at the lowest frequencies over that of white ones, for as much of them at
middle frequencies, and what it is at most."""
BLUR = 0.13
"""Share of the rms that heads without noise have on the cone after background removal."""
MIDDLE_BLUR = (24.0, 5.0)
"""The same at middle frequencies, as ``unexplained_shares`` tells it, times the side of a cube of
as many voxels as the mask: it comes from the mask's border."""


@dataclass(frozen=True)
class Doubt:
    """How wrong fields are; all of shape ``(n,)``.

    Parameters
    ----------
    share
        Of the field's power that is error: all of the white ones, and half of the others.
    white
        That is white errors.
    smooth
        Power of smooth errors at the lowest frequencies over that of white ones.
    """

    share: Tensor
    white: Tensor
    smooth: Tensor

    def price(self) -> Price:
        """Give what variation and residuals cost.

        Smooth errors have a cost of their own, so that variation need not pay for them.
        """
        level, white = self.share.sqrt(), self.white.sqrt()
        return Price(
            alpha=VARIATION[0] + VARIATION[1] * white,
            edge=EDGE[0] + EDGE[1] * level,
            most=MOST[0] + MOST[1] * level,
            smooth=self.smooth,
        )


@torch.no_grad()
def doubted(
    field: Tensor, noise: Tensor, known: Tensor, unexplained: Tensor
) -> tuple[Tensor, Doubt]:
    """Add what a field has on the dipole's cone, beyond what it is said to have, to its noise.

    White errors are what all frequencies have, smooth ones what middle frequencies have beyond
    that.

    Parameters
    ----------
    field
        In any unit, shape ``(n, 1, x, y, z)``.
    noise
        Its standard deviation as it is told.
    known
        1 where the field is known, else 0.
    unexplained
        Of ``cone.unexplained_shares``.

    Returns
    -------
        Noise, and how wrong the fields are.
    """
    power = field.square().sum(VOXELS)
    told = noise.square().sum(VOXELS) / divisor(power)
    n_known = known.sum(VOXELS).clamp(min=1)
    share = (unexplained[:, 0] - BLUR**2 - told).clamp(min=0)
    blur = unexplained.new_tensor(MIDDLE_BLUR) / n_known[:, None].pow(1 / 3)
    middle = (unexplained[:, 1:] - blur - told[:, None]).clamp(min=0).mean(1)
    beyond = (middle - share).clamp(min=0)
    more = share + beyond / 2
    level = more * power / n_known
    deviation = known * (noise.square() + level[:, None, None, None, None]).sqrt()
    white = (told + share).clamp(max=1)
    smooth = (SMOOTH * beyond / (white + CLEAN**2)).clamp(max=SMOOTHEST)
    return deviation, Doubt((told + more).clamp(max=1), white, smooth)
