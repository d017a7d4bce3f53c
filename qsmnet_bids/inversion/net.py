"""Dipole inversion by a trained network.

S. Bollmann, K. G. B. Rasmussen, M. Kristensen et al., "DeepQSM - using deep learning to
solve the dipole inversion for quantitative susceptibility mapping", NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060.
"""

from qsmnet_bids.networks.tiling import apply_network
from qsmnet_bids.physics.resample import b0_frame, from_frame, to_frame
from qsmnet_bids.tensors import ChiMap, LocalField
from qsmnet_bids.weights.registry import load_network


def net(local: LocalField, *, weights: str, tile_size: int = 0) -> ChiMap:
    """Invert the dipole with a network that was trained with B0 along z and cubic voxels.

    The field is turned and resampled to that where it is not so, scaled to the standard deviation
    of the training fields, and the map comes back in the input's scale and grid.

    Parameters
    ----------
    local
        ppm.
    weights
        Name of a network that ships.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask.

    Raises
    ------
    WeightsError
        If the weights file is missing or damaged.
    """
    network = load_network(weights)
    module = network.module.to(local.field.device)
    field = local.field * local.mask
    spread = field[local.mask].std() if local.mask.sum() > 1 else field.new_zeros(())
    if spread == 0:
        return ChiMap(field, local.mask, local.voxel_size, local.b0_dir)
    gain = network.training_field_sd / spread / network.field_scale
    shape = (field.shape[0], field.shape[1], field.shape[2])
    frame = b0_frame(shape, voxel_size=local.voxel_size, b0_dir=local.b0_dir)
    seen = field if frame is None else to_frame(field, frame)
    output = apply_network(
        module, (seen * gain)[None], multiple=network.multiple, tile_size=tile_size
    )[0]
    chi = output if frame is None else from_frame(output, frame)
    chi = chi * (network.chi_scale / gain / network.field_scale) * local.mask
    return ChiMap(chi, local.mask, local.voxel_size, local.b0_dir)


def deepqsm(local: LocalField, *, tile_size: int = 0) -> ChiMap:
    """Invert the dipole with the network of DeepQSM.

    Parameters
    ----------
    local
        ppm.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.

    Returns
    -------
        ppm, zero outside the mask.
    """
    return net(local, weights='deepqsm', tile_size=tile_size)
