"""For the node that makes one map of two passes."""

from qsmnet_bids.interfaces.numerics.calling import call, prepare
from qsmnet_bids.interfaces.numerics.mapping import finish_map
from qsmnet_bids.interfaces.volumes import load, load_field
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, Volume
from qsmnet_bids.two_pass import combine

__all__ = [
    'LocalField',
    'combine_passes',
    'finish_map',
    'load',
    'load_field',
    'prepare',
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
