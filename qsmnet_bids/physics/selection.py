"""Voxels of a mask as a list. On a processor NumPy does it ten times as fast as PyTorch."""

import torch
from torch import Tensor

from qsmnet_bids.tensors import Mask


def select(volume: Tensor, mask: Mask) -> Tensor:
    """Take the voxels that are in a mask, in order.

    Parameters
    ----------
    volume
        Any unit and type, shape of the mask.
    mask
        Where to take them.

    Returns
    -------
        A copy of shape ``(n,)``, the same as ``volume[mask]``.
    """
    if volume.device.type != 'cpu':
        return volume[mask]
    return torch.from_numpy(volume.numpy()[mask.numpy()])
