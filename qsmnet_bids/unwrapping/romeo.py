"""Unwrap by region growing over the most coherent edges, with all echoes and the magnitude.

B. Dymerska et al., Magn. Reson. Med. 85:2294-2308, 2021, doi:10.1002/mrm.28563.
"""

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, Volume
from qsmnet_bids.unwrapping.regions import level
from qsmnet_bids.unwrapping.romeo_weights import Weights, edge_weights
from qsmnet_bids.unwrapping.spanning_tree import grow
from qsmnet_bids.unwrapping.temporal import crop, in_space, in_time, uncrop


def romeo(
    echoes: MultiEcho,
    *,
    mask: Mask,
    template: int = 1,
    follow: bool = True,
    weights: Weights = 'romeo4',
) -> Echoes:
    """Unwrap the template echo in space and the others in time.

    Parameters
    ----------
    echoes
        Without phase offset, if the echoes are to follow.
    mask
        Where to unwrap. Of each connected part the median is brought to [-pi, pi].
    template
        Echo to unwrap in space, from 1.
    follow
        Whether the other echoes are unwrapped in time, each voxel to the turn that its echoes
        nearer to the template predict. Otherwise each echo is a template of its own.
    weights
        Which of the six weights order the edges, as in ``edge_weights``.

    Returns
    -------
        rad, differs from the phase by multiples of 2 pi; zero outside the mask.
    """
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]

    def unwrap(echo: int) -> Volume:
        edges = edge_weights(small, mask=inside, template=echo + 1, weights=weights)
        return level(grow(small.phase[echo], edges, mask=inside), mask=inside)

    if not 1 <= template <= len(echoes.echo_times):
        count = len(echoes.echo_times)
        raise ValueError(f'template must be in 1 to {count}, the number of echoes, got {template}')
    if follow:
        first = unwrap(template - 1)
        unwrapped = in_time(first, small, mask=inside, index=template - 1)
    else:
        unwrapped = in_space(small, unwrap, mask=inside)
    return uncrop(unwrapped, box, mask.shape)
