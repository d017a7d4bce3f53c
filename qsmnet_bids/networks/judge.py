"""Which of several maps of least total variation to believe.

They differ in what sources outside the mask cost. Where those are cheap, a map takes up what
background removal did wrong, and a part of the tissue's own field with it; where they are dear,
the tissue has to explain everything. A small network judges by what the maps leave of the field,
how they differ, the noise, and what the last map leaves near the mask's border: what background
removal does wrong is harmonic within the mask, so that most of it is there, and a wrong field
without such a cause is not.
"""

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.neighbours import rim
from qsmnet_bids.networks.scaling import VOXELS, divisor

SPACE = (2, 3, 4)
N_HIDDEN = 16
"""Units of the network; some may have learnt nothing."""
HASTE = 10.0
"""Of the shares' logits: the few weights behind them learn as much faster than a U-Net's."""
LEAN = 0.3
"""What smooth errors add to the logit of the last map, and take from the first's. What background
removal leaves is the field of sources outside, which the cone does not show as errors; where it
does show smooth ones, cheap sources outside would take up the tissue's own field with them."""
RIM = 0.04
"""Depth of what is near the mask's border, relative to the side of a cube of as many voxels: three
layers of a head at 1.5 mm."""
LEAST_SIGN = 0.01
"""Below it, shares of the field or of a map are all the same."""


def judge(n_maps: int, n_hidden: int = N_HIDDEN) -> nn.Sequential:
    """Build a network that gives all maps the same share until it has learnt.

    Parameters
    ----------
    n_maps
        At least two.
    n_hidden
        Units.
    """
    last = nn.Linear(n_hidden, n_maps)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(2 * n_maps + 4, n_hidden), nn.Tanh(), last)


def weighed(judge: nn.Sequential, signs: Tensor, smooth: Tensor) -> Tensor:
    """Give maps their shares, shape ``(n, n_maps)``.

    Parameters
    ----------
    judge
        Of ``judge``.
    signs
        Shape ``(n, n_signs)``.
    smooth
        Power of smooth errors over that of white ones, shape ``(n,)``.
    """
    logits, lean = HASTE * judge(signs), LEAN * smooth
    middle = torch.zeros_like(logits[:, 1:-1])
    return (logits + torch.cat([-lean[:, None], middle, lean[:, None]], dim=1)).softmax(1)


@torch.no_grad()
def signs(
    maps: Tensor,
    field: Tensor,
    outer: Tensor,
    noise: Tensor,
    kernel: Tensor,
    known: Tensor,
    relied: Tensor,
) -> Tensor:
    """Tell how well maps explain a field, and how they differ; shape ``(n, 2 * n_maps + 4)``.

    Parameters
    ----------
    maps
        Shape ``(n, n_maps, x, y, z)``, zero where the field is not known.
    field, outer, noise
        Field, that of the first map's sources outside the mask, and the noise, all in one unit,
        shape ``(n, 1, x, y, z)``.
    kernel
        Of the dipole, as ``fourier.convolve`` has it.
    known, relied
        1 where the field is known, and how far each voxel's is relied on.
    """
    strength = divisor(field.square().sum(VOXELS))
    powers = [outer.square(), noise.square()]
    for index in range(maps.shape[1]):
        own = convolve(maps[:, index : index + 1], kernel)
        powers.append((relied * known * (own - field + outer)).square())
    powers.append((relied * known * (own - field)).square())
    powers.append(rim(known, RIM) * powers[-1])
    of_field = [power.sum(VOXELS) / strength for power in powers]
    seen = referenced(maps, known)
    sizes = seen.square().sum(SPACE)
    changes = (seen[:, :-1] - seen[:, 1:]).square().sum(SPACE) / divisor(sizes[:, :-1])
    total = sizes[:, -1:] / divisor(sizes[:, :1])
    shares = torch.cat([torch.stack(of_field[:-1], 1), changes, total, of_field[-1][:, None]], 1)
    return (shares.sqrt() + LEAST_SIGN).log()


def referenced(maps: Tensor, known: Tensor) -> Tensor:
    """Take the means of maps, which no field tells, from them; zero where it is not known.

    Parameters
    ----------
    maps
        Shape ``(n, k, x, y, z)``.
    known
        1 or 0, shape ``(n, 1, x, y, z)``.
    """
    sums = (maps * known).sum(SPACE, keepdim=True)
    return (maps - sums / known.sum(SPACE, keepdim=True).clamp(min=1)) * known
