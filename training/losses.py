"""What training minimises: means over the mask of each sample, and then over the samples.

The weighted gradient difference follows QSMnet: J. Yoon, E. Gong, I. Chatnuntawech et al.,
NeuroImage 179:199-206, 2018, doi:10.1016/j.neuroimage.2018.06.030.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from qsmnet_bids.networks.sample import Sample

VOXELS = (1, 2, 3, 4)
LEAST_ERROR = 0.01
"""Relative error below which there is little more to gain."""


def mse(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Mean squared error, ppm^2.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        Its mask says where to compare them.
    """
    return _mean((output - label).square(), sample.mask)


def mae(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Mean absolute error, ppm.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        Its mask says where to compare them.
    """
    return _mean((output - label).abs(), sample.mask)


def relative_l1(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Absolute error relative to the label's own absolute values, so that weak samples count.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        Its mask says where to compare them.
    """
    return _relative_errors(output, label, sample).mean()


def log_relative_l1(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Logarithm of ``relative_l1``, sample by sample, so that easy samples count as hard ones do.

    A tenth less error is worth the same in either; without the logarithm, samples that noise
    makes hopeless outweigh those in which there is something to gain.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        Its mask says where to compare them.
    """
    return (_relative_errors(output, label, sample) + LEAST_ERROR).log().mean()


def gradient_difference(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Difference of the magnitudes of the gradients, sum over the axes, ppm per voxel.

    The thesis prints a sum of products of the gradients' norms (equation 3.22), which is least
    for a map without edges; QSMnet, which it follows, has ``||grad y| - |grad y'||``.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        Differences between two voxels of its mask count.
    """
    total = output.new_zeros(())
    for axis in (2, 3, 4):
        difference = (output.diff(dim=axis).abs() - label.diff(dim=axis).abs()).abs()
        n = sample.mask.shape[axis] - 1
        both = sample.mask.narrow(axis, 0, n) * sample.mask.narrow(axis, 1, n)
        total = total + _mean(difference, both)
    return total


def dipole_consistency(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    """Mean absolute difference of the fields that output and label cause, ppm.

    Parameters
    ----------
    output, label
        Susceptibility, ppm, shape ``(n, 1, x, y, z)``.
    sample
        Must have a kernel, so it is no crop; the fields are compared in its mask.

    Raises
    ------
    ValueError
        If the sample has no kernel.
    """
    if sample.kernel is None:
        raise ValueError('dipole_consistency needs samples with a kernel, which crops have not')
    shape = output.shape[2:]
    spectrum = torch.fft.rfftn((output - label)[:, 0], dim=(1, 2, 3)) * sample.kernel
    field = torch.fft.irfftn(spectrum, s=shape, dim=(1, 2, 3))
    return _mean(field[:, None].abs(), sample.mask)


LOSSES: dict[str, Callable[[Tensor, Tensor, Sample], Tensor]] = {
    'mse': mse,
    'mae': mae,
    'relative_l1': relative_l1,
    'log_relative_l1': log_relative_l1,
    'gradient_difference': gradient_difference,
    'dipole_consistency': dipole_consistency,
}


def weighted_loss(
    output: Tensor, label: Tensor, sample: Sample, *, weights: Mapping[str, float]
) -> Tensor:
    """Sum losses with their weights.

    Parameters
    ----------
    output, label
        ppm, shape ``(n, 1, x, y, z)``.
    sample
        What the network was given.
    weights
        By the names in ``LOSSES``.
    """
    total = output.new_zeros(())
    for name, weight in weights.items():
        total = total + weight * LOSSES[name](output, label, sample)
    return total


def _relative_errors(output: Tensor, label: Tensor, sample: Sample) -> Tensor:
    error = ((output - label).abs() * sample.mask).sum(VOXELS)
    size = (label.abs() * sample.mask).sum(VOXELS)
    # a sample whose label is zero says nothing relative to it
    return error / torch.where(size > 0, size, torch.inf)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over each sample's mask, then over the samples: the same on one process or many."""
    return ((values * mask).sum(VOXELS) / mask.sum(VOXELS).clamp(min=1)).mean()
