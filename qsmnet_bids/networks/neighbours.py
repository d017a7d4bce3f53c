"""What is near a voxel."""

import torch
from torch import Tensor


def widened(volume: Tensor, n: int) -> Tensor:
    """Give each voxel the greatest value of the cube around it; nothing lies beyond the volume.

    Parameters
    ----------
    volume
        Shape ``(..., x, y, z)``.
    n
        Voxels to each side, at least 0.
    """
    for axis in (-3, -2, -1):
        # no shift skips what lies beyond the one before, so that faces need no padding
        length = volume.shape[axis]
        reach, most = 0, min(n, length - 1)
        while reach < most:
            shift = min(reach + 1, most - reach)
            reach += shift
            wide, rest = volume.clone(), length - shift
            for start, other in ((shift, 0), (0, shift)):
                part = wide.narrow(axis, start, rest)
                torch.maximum(part, volume.narrow(axis, other, rest), out=part)
            volume = wide
    return volume


@torch.no_grad()
def rim(mask: Tensor, depth: float) -> Tensor:
    """Tell which voxels of a mask are near its border; 1 or 0 in the shape of ``mask``.

    The volume's faces are no border, so that a mask without voxels outside has none.

    Parameters
    ----------
    mask
        1 or 0, shape ``(n, 1, x, y, z)``.
    depth
        How near, relative to the side of a cube of as many voxels; at least one voxel.
    """
    if mask.is_meta:  # operations are only counted: there are no numbers to go by
        return torch.zeros_like(mask)
    sides = mask.sum((1, 2, 3, 4)).pow(1 / 3).tolist()
    pairs = zip(mask, sides, strict=True)
    near = [widened(1 - one, max(1, round(depth * side))) for one, side in pairs]
    return mask * torch.stack(near)
