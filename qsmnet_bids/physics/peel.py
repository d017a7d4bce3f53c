"""Masks without their outermost voxels."""

from qsmnet_bids.tensors import Mask


def peeled(mask: Mask, n_layers: int) -> Mask:
    """Take off the voxels that have a face in common with the outside, again and again.

    The outermost voxels hold a part of what lies outside, and with it sources of the background.

    Parameters
    ----------
    mask
        Of a region; what lies beyond the volume is outside.
    n_layers
        How often, at least 0.
    """
    for _ in range(n_layers):
        kept = mask.clone()
        for axis, n in enumerate(mask.shape):
            kept.narrow(axis, 1, n - 1).logical_and_(mask.narrow(axis, 0, n - 1))
            kept.narrow(axis, 0, n - 1).logical_and_(mask.narrow(axis, 1, n - 1))
            kept.narrow(axis, 0, 1).zero_()
            kept.narrow(axis, n - 1, 1).zero_()
        mask = kept
    if not bool(mask.any()):
        raise ValueError(f'nothing is left of the mask without {n_layers} layers; it is too thin')
    return mask
