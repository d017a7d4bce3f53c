"""The slow variation of the magnitude over the head that coils and high fields cause."""

import torch

from qsmnet_bids.physics.gaussian import gaussian
from qsmnet_bids.tensors import MultiEcho, Volume
from qsmnet_bids.vectors import Vector

COARSE_MM = 4.0
"""Voxels on which the variation is estimated."""
ROUNDS = 3
LEAST_COVER = 0.01
"""Share of tissue under the Gaussian below which the mean over the head takes over."""
ROBUST_MAXIMUM = 0.98
"""The quantile that stands for the brightest tissue, so that vessels and spikes do not."""
N_BINS = 256


def combined_magnitude(echoes: MultiEcho, *, bias_width: float) -> Volume:
    """Take the root of the sum of squares over the echoes, and divide its slow variation out.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    bias_width
        Standard deviation of the Gaussian that finds the variation, mm; 0 to leave it in.

    Returns
    -------
        Unit of the magnitude without ``bias_width``, else relative to the tissue around.
    """
    if bias_width < 0:
        raise ValueError(f'bias_width must be at least 0, got {bias_width}')
    power = torch.zeros_like(echoes.magnitude[0])
    for magnitude in echoes.magnitude:
        power.addcmul_(magnitude, magnitude)
    volume = power.sqrt_()
    if bias_width:
        volume /= bias(volume, width=bias_width, voxel_size=echoes.voxel_size)
    return volume


def bias(magnitude: Volume, *, width: float, voxel_size: Vector) -> Volume:
    """Find how bright tissue is around each voxel.

    The mean of the tissue under a Gaussian. What is tissue is decided by Otsu's threshold, anew
    each time that the variation is better known.

    Parameters
    ----------
    magnitude
        Any unit.
    width
        Standard deviation of the Gaussian, mm.
    voxel_size
        mm.

    Returns
    -------
        Unit of ``magnitude``, positive everywhere where some voxel is.
    """
    step = [max(1, round(COARSE_MM / size)) for size in voxel_size]
    coarse = torch.nn.functional.avg_pool3d(magnitude[None], step, step, ceil_mode=True)[0]
    x, y, z = (size * n for size, n in zip(voxel_size, step, strict=True))
    level = torch.ones_like(coarse)
    for _ in range(ROUNDS):
        tissue = (coarse > otsu_level(coarse / level) * level).to(coarse.dtype)
        light = gaussian(coarse * tissue, deviation=width, voxel_size=(x, y, z))
        cover = gaussian(tissue, deviation=width, voxel_size=(x, y, z))
        middle = (coarse * tissue).sum() / tissue.sum().clamp(min=1)
        level = (light + LEAST_COVER * middle) / (cover + LEAST_COVER)
        level.clamp_(min=torch.finfo(level.dtype).tiny)
    whole = [n * length for n, length in zip(step, coarse.shape, strict=True)]
    fine = torch.nn.functional.interpolate(level[None, None], whole, mode='trilinear')[0, 0]
    n_x, n_y, n_z = magnitude.shape
    return fine[:n_x, :n_y, :n_z]


def robust_maximum(magnitude: Volume) -> float:
    """Give the quantile that stands for the brightest tissue, in the unit of the magnitude."""
    rank = max(1, round(ROBUST_MAXIMUM * magnitude.numel()))
    return float(torch.kthvalue(magnitude.flatten(), rank).values)


def otsu_level(magnitude: Volume) -> float:
    """Find the level that splits the voxels into two classes whose means differ most.

    It maximises w0 w1 (m0 - m1)^2 with the classes' shares w and means m: N. Otsu, IEEE Trans.
    Syst. Man Cybern. 9:62-66, 1979, doi:10.1109/TSMC.1979.4310076.

    Parameters
    ----------
    magnitude
        At least 0, any unit.

    Returns
    -------
        Unit of ``magnitude``; 0 where all voxels are 0.
    """
    maximum = robust_maximum(magnitude) or float(magnitude.max())
    if maximum == 0:
        return 0.0
    counts = torch.histc(magnitude.clamp(max=maximum), N_BINS, min=0, max=maximum).double()
    width = maximum / N_BINS
    middles = (torch.arange(N_BINS, device=counts.device) + 0.5) * width
    below, sums = counts.cumsum(0), (counts * middles).cumsum(0)
    above = below[-1] - below
    gap = sums / below.clamp(min=1) - (sums[-1] - sums) / above.clamp(min=1)
    return (int((below * above * gap.square()).argmax()) + 1) * width
