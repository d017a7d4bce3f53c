"""Apply a network to a volume of any size, whole or in overlapping tiles."""

import itertools

import torch
from torch import Tensor, nn

from qsmnet_bids.networks.precision import fast_bfloat16


@torch.no_grad()
def apply_network(
    module: nn.Module, channels: Tensor, *, multiple: int, tile_size: int = 0
) -> Tensor:
    """Pad, run and crop; in tiles that fade into each other where memory is short.

    Parameters
    ----------
    module
        Maps ``(1, channel, x, y, z)`` to the same shape with its own number of channels.
    channels
        Shape ``(channel, x, y, z)``.
    multiple
        Sides are padded with zeros to multiples of this.
    tile_size
        Side of a tile in voxels, a multiple of ``multiple``; 0 for the whole volume at once.
        Neighbours overlap by a quarter of it.

    Returns
    -------
        Shape ``(out_channel, x, y, z)``, float32.
    """
    if tile_size < 0 or tile_size % multiple:
        raise ValueError(f'tile_size must be 0 or a multiple of {multiple}, got {tile_size}')
    shape = channels.shape[1:]
    padding = [(-side) % multiple for side in shape]
    padded = nn.functional.pad(channels, (0, padding[2], 0, padding[1], 0, padding[0]))
    output = _run_tiles(module, padded, tile_size) if tile_size else _run(module, padded)
    return output[:, : shape[0], : shape[1], : shape[2]]


def _run(module: nn.Module, channels: Tensor) -> Tensor:
    batch = channels[None].contiguous(memory_format=torch.channels_last_3d)
    half = fast_bfloat16(channels.device)
    with torch.autocast(channels.device.type, torch.bfloat16, enabled=half):
        return module(batch)[0].float()


def _run_tiles(module: nn.Module, channels: Tensor, tile_size: int) -> Tensor:
    sides = [min(tile_size, side) for side in channels.shape[1:]]
    total: Tensor | None = None
    weights = torch.zeros_like(channels[:1])
    window = _window(sides, tile_size // 4).to(channels)
    starts = [_starts(n, side) for n, side in zip(channels.shape[1:], sides, strict=True)]
    for corner in itertools.product(*starts):
        x, y, z = (slice(low, low + side) for low, side in zip(corner, sides, strict=True))
        tile = _run(module, channels[:, x, y, z])
        if total is None:
            total = channels.new_zeros((tile.shape[0], *channels.shape[1:]))
        total[:, x, y, z] += tile * window
        weights[:, x, y, z] += window
    if total is None:
        raise ValueError(f'channels must not be empty, got shape {tuple(channels.shape)}')
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
