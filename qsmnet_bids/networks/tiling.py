"""Apply a network to a volume of any size, whole or in overlapping tiles."""

import dataclasses
import itertools
import operator
from collections.abc import Callable

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.precision import fast_bfloat16
from qsmnet_bids.networks.sample import Sample

VOLUMES = ('field', 'mask', 'noise', 'inverse', 'magnitude')
"""Parts of a sample that are cut into tiles."""


@torch.no_grad()
def apply_network(network: Network, sample: Sample, *, tile_size: int = 0) -> Tensor:
    """Pad, run and crop; in tiles that fade into each other where memory is short.

    Parameters
    ----------
    network
        In evaluation mode.
    sample
        Of any size; one that has a kernel must have sides that are multiples already.
    tile_size
        Side of a tile in voxels, a multiple of the network's; 0 for the whole volume at once.
        Neighbours overlap by a quarter of it.

    Returns
    -------
        ppm, shape ``(n, 1, x, y, z)``, float32.
    """
    multiple = network.multiple
    if tile_size < 0 or tile_size % multiple:
        raise ValueError(f'tile_size must be 0 or a multiple of {multiple}, got {tile_size}')
    if tile_size and 'kernel' in network.needs:
        raise ValueError(f'tile_size must be 0 for this network, got {tile_size}')
    x, y, z = sample.field.shape[2:]
    grow = [(-side) % multiple for side in (x, y, z)]
    if any(grow) and sample.kernel is not None:
        raise ValueError(f'sides must be multiples of {multiple}, got {(x, y, z)}')
    padding = (0, grow[2], 0, grow[1], 0, grow[0])
    padded = _each_volume(sample, lambda volume: nn.functional.pad(volume, padding))
    output = _run_tiles(network, padded, tile_size) if tile_size else _run(network, padded)
    return output[..., :x, :y, :z]


def _each_volume(sample: Sample, change: Callable[[Tensor], Tensor]) -> Sample:
    parts = {name: getattr(sample, name) for name in VOLUMES}
    return dataclasses.replace(
        sample, **{name: change(part) for name, part in parts.items() if part is not None}
    )


def _run(network: Network, sample: Sample) -> Tensor:
    device = sample.field.device.type
    half = fast_bfloat16(sample.field.device)
    with torch.autocast(device, torch.bfloat16, enabled=half):
        return network(sample).float()


def _run_tiles(network: Network, sample: Sample, tile_size: int) -> Tensor:
    scaled = dataclasses.replace(sample, scale=network.scale(sample))
    shape = sample.field.shape
    sides = [min(tile_size, side) for side in shape[2:]]
    total = sample.field.new_zeros(shape)
    weights = torch.zeros_like(total[:1])
    window = _window(sides, tile_size // 4).to(total)
    starts = [_starts(n, side) for n, side in zip(shape[2:], sides, strict=True)]
    for corner in itertools.product(*starts):
        x, y, z = (slice(low, low + side) for low, side in zip(corner, sides, strict=True))
        box = (..., x, y, z)
        total[box] += _run(network, _each_volume(scaled, operator.itemgetter(box))) * window
        weights[box] += window
    return total / weights


def _starts(n: int, side: int) -> list[int]:
    """Place tiles so that neighbours overlap by at least a quarter and the last ends at n."""
    n_tiles = 1 if n <= side else 1 + -(-(n - side) // (side - side // 4))
    return [round(position * (n - side) / max(1, n_tiles - 1)) for position in range(n_tiles)]


def _window(sides: list[int], ramp: int) -> Tensor:
    """Weights of a tile: 1 in the middle, falling linearly to its faces."""
    axes = []
    for side in sides:
        position = torch.arange(side, dtype=torch.float32)
        edge = torch.minimum(position, position.flip(0)) + 1
        axes.append((edge / (ramp + 1)).clamp(max=1))
    return axes[0][:, None, None] * axes[1][:, None] * axes[2]
