"""Background removal by a trained network, without erosion.

Networks for this: S. Bollmann, M. H. Kristensen, M. S. Larsen et al., "SHARQnet - sophisticated
harmonic artifact reduction in quantitative susceptibility mapping using a deep convolutional
neural network", bioRxiv 522151, 2019, doi:10.1101/522151.
"""

import torch

from qsmnet_bids.background.region import removed_of
from qsmnet_bids.networks.inference import estimate
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import LocalField, TotalField, Volume
from qsmnet_bids.weights.registry import load_network_for


@kept_blocks()
def net(total: TotalField, *, weights: str, tile_size: int = 0) -> LocalField:
    """Find the local field with a network, in the whole mask.

    Parameters
    ----------
    total
        ppm.
    weights
        Name of a network for background removal.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask, which stays as it is.

    Raises
    ------
    WeightsError
        If the weights file is missing, damaged, or for another task.
    """
    module = load_network_for('background', weights).module.to(total.field.device)

    local = estimate(module, total, tile_size=tile_size)

    def inside(volume: Volume | None) -> Volume | None:
        return None if volume is None else torch.where(total.mask, volume, 0)

    return LocalField(
        local,
        torch.where(total.mask, total.noise, 0),
        total.mask,
        total.voxel_size,
        total.b0_dir,
        magnitude=inside(total.magnitude),
        r2star=inside(total.r2star),
        removed=removed_of(total, local),
    )


def backgroundnet(total: TotalField) -> LocalField:
    """Find the local field with a network that starts from least total variation.

    It solves the Laplacian boundary value problem, and tells the tissue's own field from what
    sources outside the mask leave by a map of least total variation, in which these are cheap; a
    U-Net corrects the field that goes with that map. It works on the whole volume.

    Parameters
    ----------
    total
        ppm.

    Returns
    -------
        ppm, zero outside the mask, which stays as it is. In its two outermost layers of voxels
        the field is the map's and the U-Net's alone.
    """
    return net(total, weights='backgroundnet')
