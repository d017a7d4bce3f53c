"""Background removal by a trained network, without erosion.

Networks for this: S. Bollmann, M. H. Kristensen, M. S. Larsen et al., "SHARQnet - sophisticated
harmonic artifact reduction in quantitative susceptibility mapping using a deep convolutional
neural network", bioRxiv 522151, 2019, doi:10.1101/522151.
"""

import torch

from qsmnet_bids.networks.inference import estimate
from qsmnet_bids.tensors import LocalField, TotalField, Volume
from qsmnet_bids.weights.registry import load_network_for


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

    def inside(volume: Volume | None) -> Volume | None:
        return None if volume is None else torch.where(total.mask, volume, 0)

    return LocalField(
        estimate(module, total, tile_size=tile_size),
        torch.where(total.mask, total.noise, 0),
        total.mask,
        total.voxel_size,
        total.b0_dir,
        magnitude=inside(total.magnitude),
        r2star=inside(total.r2star),
    )
