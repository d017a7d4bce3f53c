"""How much of a field no susceptibility explains, by what lies on the dipole's cone.

At the magic angle the dipole's kernel is zero, whatever the tissue: what a measured field has
there is noise, or another error. Both are as strong beside the cone, as they know nothing of the
dipole, so that in each shell of spatial frequencies the power is a line over the kernel's square,
and its intercept belongs to the errors. White noise has as much in every shell; errors that are
smooth, as those of living heads, have more in the inner ones. The kernel: R. Salomir et al.,
Concepts Magn. Reson. B 19:26-34, 2003, doi:10.1002/cmr.b.10083.
"""

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.fourier import grid_of
from qsmnet_bids.networks.scaling import divisor

Grid = tuple[int, int, int]

CONE = 0.1
"""Greatest kernel of what counts as the cone."""
SHELLS = (0.1, 0.15, 0.2, 0.3, 0.4)
"""Where shells begin, cycles per side of a cube of the voxel's volume; below the first, the cone
is thinner than what the mask's own spectrum blurs."""
MIDDLE = (1, 2)
"""Shells that tell smooth errors from white ones; below them the mask's blur is too strong, and
above them there is little of either."""
TAPER = 3
"""Width of the means by which the mask is tapered, twice."""


@torch.no_grad()
def unexplained_shares(field: Tensor, mask: Tensor, kernel: Tensor, voxel_size: Tensor) -> Tensor:
    """Estimate which share of a field's power no susceptibility explains, and how smooth that is.

    Parameters
    ----------
    field
        In any unit, shape ``(n, 1, x, y, z)``.
    mask
        1 where the field is known, else 0.
    kernel
        Dipole kernel, as ``fourier.convolve`` has it.
    voxel_size
        Relative to the side of a cube of the same volume, shape ``(n, 3)``.

    Returns
    -------
        Shape ``(n, 1 + len(MIDDLE))``: the share, within [0, 1], to which smooth errors add only
        what is in the shells; and what it would be if there were as much at all frequencies as in
        each of the middle shells, at least 0.
    """
    window = mask
    for _ in range(2):
        window = nn.functional.avg_pool3d(window, TAPER, stride=1, padding=TAPER // 2)
    seen = (field * window * mask)[:, 0]
    x, y, z = seen.shape[1:]
    grid = grid_of((x, y, z), kernel)
    if field.is_meta:  # operations are only counted: there are no numbers to go by
        return field.new_zeros((len(field), 1 + len(MIDDLE)))
    shares = [_shares(*part, grid) for part in zip(seen, kernel, voxel_size.unbind(), strict=True)]
    return torch.stack(shares)


def _shares(field: Tensor, kernel: Tensor, size: Tensor, grid: Grid) -> Tensor:
    power = torch.fft.rfftn(field, s=grid).abs().square_()
    # but for its first and last plane, half a spectrum stands for both
    power[..., 1:-1] *= 2
    both = torch.full((grid[2] // 2 + 1,), 2.0, device=field.device)
    both[0] = both[-1] = 1
    along = [
        torch.fft.fftfreq(grid[0], device=field.device) / size[0],
        torch.fft.fftfreq(grid[1], device=field.device) / size[1],
        torch.fft.rfftfreq(grid[2], device=field.device) / size[2],
    ]
    squared = along[0][:, None, None] ** 2 + along[1][:, None] ** 2 + along[2] ** 2
    shell = torch.bucketize(squared, squared.new_tensor([start**2 for start in SHELLS])).flatten()
    count = both.expand_as(power).flatten()
    parts = torch.stack([count, power.flatten(), kernel.square().flatten() * count])
    on_cone = torch.nonzero(kernel.abs().flatten() < CONE)[:, 0]
    n_all, level, slope = _sums(parts, shell)
    n_near, low, rest = _sums(parts[:, on_cone], shell[on_cone])
    level, slope = level / n_all.clamp(min=1), slope / n_all.clamp(min=1)
    low, rest = low / n_near.clamp(min=1), rest / n_near.clamp(min=1)
    errors = ((low * slope - level * rest) / (slope - rest)).clamp(min=0)
    errors = torch.where(n_near > 0, errors, 0) / divisor(power.sum())
    share = (n_all * errors).sum(0, keepdim=True).clamp(max=1)
    return torch.cat([share, count.sum() * errors[list(MIDDLE)]]).to(field.dtype)


def _sums(parts: Tensor, shell: Tensor) -> Tensor:
    """Sum in each shell but the innermost ball; shape ``(len(parts), len(SHELLS))``."""
    # one by one in single precision, tens of millions of voxels would no longer add up
    rows = [torch.bincount(shell, part.double(), len(SHELLS) + 1) for part in parts]
    return torch.stack(rows)[:, 1:]
