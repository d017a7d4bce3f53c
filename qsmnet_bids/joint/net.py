"""Total field to susceptibility in one step, by a trained network."""

from qsmnet_bids.networks.inference import estimate
from qsmnet_bids.tensors import ChiMap, TotalField
from qsmnet_bids.weights.registry import load_network_for


def net(total: TotalField, *, weights: str, tile_size: int = 0) -> ChiMap:
    """Find susceptibility from the total field with a network.

    Parameters
    ----------
    total
        ppm.
    weights
        Name of a network for this.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask.

    Raises
    ------
    WeightsError
        If the weights file is missing, damaged, or for another task.
    """
    module = load_network_for('onestep', weights).module.to(total.field.device)
    chi = estimate(module, total, tile_size=tile_size)
    return ChiMap(chi, total.mask, total.voxel_size, total.b0_dir)
