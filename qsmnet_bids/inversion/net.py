"""Dipole inversion by a trained network.

R. Feng, J. Zhao, H. Wang et al., "MoDL-QSM: model-based deep learning for quantitative
susceptibility mapping", NeuroImage 240:118376, 2021, doi:10.1016/j.neuroimage.2021.118376.
S. Bollmann, K. G. B. Rasmussen, M. Kristensen et al., "DeepQSM - using deep learning to
solve the dipole inversion for quantitative susceptibility mapping", NeuroImage 195:373-383, 2019,
doi:10.1016/j.neuroimage.2019.03.060.
"""

import torch

from qsmnet_bids.networks.inference import estimate
from qsmnet_bids.physics.symmetry import SYMMETRIES, turned, turned_back
from qsmnet_bids.solvers.heap import kept_blocks
from qsmnet_bids.tensors import ChiMap, LocalField, TotalField
from qsmnet_bids.weights.registry import load_network_for


@kept_blocks()
def net(local: LocalField, *, weights: str, tile_size: int = 0, n_copies: int = 1) -> ChiMap:
    """Invert the dipole with a network; the map comes in the field's scale and on its grid.

    Parameters
    ----------
    local
        ppm.
    weights
        Name of a network for dipole inversion.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.
    n_copies
        Mirrored copies of the field whose maps are averaged, 1 to 48; beyond 8 the axes are
        swapped, too. A network does not give a mirrored map for a mirrored field, as it should,
        and what the copies disagree upon is error.

    Returns
    -------
        ppm, zero outside the mask.

    Raises
    ------
    WeightsError
        If the weights file is missing, damaged, or for another task.
    """
    _check_copies(n_copies)
    module = load_network_for('dipole', weights).module.to(local.field.device)
    chi = torch.zeros_like(local.field)
    for symmetry in SYMMETRIES[:n_copies]:
        copy = turned(local, symmetry)
        chi += turned_back(estimate(module, copy, tile_size=tile_size), symmetry)
    return ChiMap(chi.div_(n_copies), local.mask, local.voxel_size, local.b0_dir)


def deepqsm(local: LocalField, *, tile_size: int = 0, n_copies: int = 1) -> ChiMap:
    """Invert the dipole with the network of DeepQSM.

    Parameters
    ----------
    local
        ppm.
    tile_size
        Side of the tiles in voxels where memory is short; 0 for the whole volume at once.
    n_copies
        Mirrored copies of the field whose maps are averaged, 1 to 48; beyond 8 the axes are
        swapped, too. A network does not give a mirrored map for a mirrored field, as it should,
        and what the copies disagree upon is error.

    Returns
    -------
        ppm, zero outside the mask.
    """
    return net(local, weights='deepqsm', tile_size=tile_size, n_copies=n_copies)


def dipolenet(local: LocalField, *, n_copies: int = 1) -> ChiMap:
    """Invert the dipole with a network that knows the dipole and is told the noise.

    It starts from maps of least total variation, penalised as the noise asks, with sources
    outside the mask at several prices for what background removal did wrong; then come data
    consistency in k-space, for the actual voxel size and direction of B0, and a U-Net. It works on
    the whole volume.

    Parameters
    ----------
    local
        ppm.
    n_copies
        Mirrored copies of the field whose maps are averaged, 1 to 48; beyond 8 the axes are
        swapped, too.

    Returns
    -------
        ppm, zero outside the mask.
    """
    return net(local, weights='dipolenet', n_copies=n_copies)


def onestepnet(local: LocalField, *, n_copies: int = 1) -> ChiMap:
    """Invert the total field in one step, with background removal of its own.

    Parameters
    ----------
    local
        ppm; only together with what was removed from the total field does it matter.
    n_copies
        Mirrored copies of the field whose maps are averaged, 1 to 48; beyond 8 the axes are
        swapped, too.

    Returns
    -------
        ppm, zero outside the local field's mask.

    Raises
    ------
    ValueError
        If what was removed is not known.
    WeightsError
        If the weights file is missing, damaged, or for another task.
    """
    if local.removed is None:
        raise ValueError(
            'onestepnet needs the total field, which is not known here; give it a local field '
            'that comes with what background removal took'
        )
    _check_copies(n_copies)
    module = load_network_for('onestep', 'onestepnet').module.to(local.field.device)
    total = TotalField(
        local.field + local.removed.field,
        local.removed.noise,
        local.removed.mask,
        local.voxel_size,
        local.b0_dir,
    )
    chi = torch.zeros_like(local.field)
    for symmetry in SYMMETRIES[:n_copies]:
        chi += turned_back(estimate(module, turned(total, symmetry)), symmetry)
    chi = torch.where(local.mask, chi.div_(n_copies), 0)
    return ChiMap(chi, local.mask, local.voxel_size, local.b0_dir)


def _check_copies(n_copies: int) -> None:
    if not 1 <= n_copies <= len(SYMMETRIES):
        raise ValueError(f'n_copies must be in [1, {len(SYMMETRIES)}], got {n_copies}')
