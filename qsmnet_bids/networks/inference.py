"""Apply a network to a field as it comes: any size, voxel size and direction of B0."""

import dataclasses

from torch import Tensor

from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.networks.tiling import apply_network
from qsmnet_bids.physics.resample import b0_frame, from_frame, to_frame
from qsmnet_bids.tensors import LocalField, TotalField, Volume


def apply_in_b0_frame(
    network: Network, given: LocalField | TotalField, *, tile_size: int = 0
) -> Volume:
    """Turn and resample to B0 along z and cubic voxels where need be, apply, and come back.

    Parameters
    ----------
    network
        In evaluation mode, on the field's device.
    given
        What the network was made for.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask, on the field's own grid.
    """
    mask = given.mask.to(given.field.dtype)
    sample = _sample(given.field * mask, mask, given.noise * mask)
    # the scale is that of the field as it was measured: interpolation smooths the other
    scale = network.scale(sample)
    frame = b0_frame(
        (mask.shape[0], mask.shape[1], mask.shape[2]),
        voxel_size=given.voxel_size,
        b0_dir=given.b0_dir,
    )
    if frame is not None:
        parts = (sample.field, sample.mask, sample.noise)
        field, covered, noise = (to_frame(part[0, 0], frame) for part in parts)
        sample = _sample(field, (covered > 0).to(field.dtype), noise)
    sample = dataclasses.replace(sample, scale=scale)
    output = apply_network(network, sample, tile_size=tile_size)[0, 0]
    return (output if frame is None else from_frame(output, frame)) * mask


def _sample(field: Tensor, mask: Tensor, noise: Tensor) -> Sample:
    return Sample(field[None, None], mask[None, None], noise[None, None])
