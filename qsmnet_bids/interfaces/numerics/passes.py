"""For the node that makes one map of two passes."""

from qsmnet_bids.interfaces.numerics.calling import call, prepare
from qsmnet_bids.interfaces.numerics.referencing import choose_zero
from qsmnet_bids.interfaces.volumes import load, load_field, save
from qsmnet_bids.quality import forward_residual, quality_measures
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, Volume
from qsmnet_bids.two_pass import combine

__all__ = [
    'LocalField',
    'choose_zero',
    'combine_passes',
    'forward_residual',
    'load',
    'load_field',
    'prepare',
    'quality_measures',
    'save',
]


def combine_passes(
    local: LocalField, *, second_chi: Volume, first_chi: Volume, first_mask: Mask
) -> ChiMap:
    """Fill the holes of the first pass's map with the second's.

    Parameters
    ----------
    local
        Of the second pass.
    second_chi, first_chi
        Of both passes, ppm, not referenced.
    first_mask
        Where the first pass knows its map.
    """
    grid = (local.voxel_size, local.b0_dir)
    first, second = ChiMap(first_chi, first_mask, *grid), ChiMap(second_chi, local.mask, *grid)
    both, _ = call('two passes', 'two_pass', lambda: combine(first, second))
    return both
