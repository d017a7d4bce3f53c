"""When the memory of a GPU does not hold a network's whole volume: smaller and smaller tiles."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch

from qsmnet_bids.errors import MethodError
from qsmnet_bids.interfaces.numerics.calling import call
from qsmnet_bids.interfaces.steps import Step, Values
from qsmnet_bids.weights.cards import WEIGHTS_DIR, available
from qsmnet_bids.weights.registry import load_network

LEAST = 32
"""Voxels along a side of the smallest tiles; smaller ones would show in the map."""

Result = TypeVar('Result')

logger = logging.getLogger('nipype.interface')


def call_within_memory(
    stage: str, method: str, function: Callable[[Values], Result], values: Values, *, longest: int
) -> tuple[Result, Step]:
    """Call a stage's method; if the GPU's memory is too small for a network, halve its tiles.

    Parameters
    ----------
    stage, method
        Names, for the record.
    function
        The call; takes hyper-parameters that differ from ``values``, if any.
    values
        Hyper-parameters.
    longest
        Voxels along the longest side of the volume.

    Returns
    -------
        The record has the size of the tiles that went well, and a warning if it was not asked for.

    Raises
    ------
    MethodError
        If the smallest tiles are still too large, or the method has none.
    """
    sizes: dict[str, int] = {}
    while (done := _attempt(stage, method, partial(function, sizes), {**values, **sizes})) is None:
        torch.cuda.empty_cache()
        multiple = _multiple_of(method)
        size = int(sizes.get('tile_size') or values.get('tile_size', 0))
        smaller = multiple and next_tile_size(size or longest, multiple=multiple)
        if not smaller:
            raise MethodError(
                f'{method}: the memory of the GPU is too small, {_tiles(size)}; run with --device '
                'cpu, or when no other program uses the GPU'
            )
        logger.warning(
            '%s: the memory of the GPU is too small, %s; going on with tiles of %d voxels',
            method,
            _tiles(size),
            smaller,
        )
        sizes = {'tile_size': smaller}
    result, step = done
    if not sizes:
        return result, step
    warning = (
        f'{method} was applied in tiles of {sizes["tile_size"]} voxels, as the memory of the GPU '
        'was too small for more'
    )
    return result, replace(step, warnings=(*step.warnings, warning))


def next_tile_size(size: int, *, multiple: int, least: int = LEAST) -> int | None:
    """Halve the side of a tile.

    Parameters
    ----------
    size
        Voxels; the volume's longest side if there are no tiles yet.
    multiple
        Of which a side must be a multiple.
    least
        Voxels; there are no smaller tiles.

    Returns
    -------
        Voxels; None if there is nothing smaller.

    >>> [next_tile_size(size, multiple=16) for size in (233, 112, 48, 32)]
    [112, 48, 32, None]
    """
    smallest = -(-least // multiple) * multiple
    half = max(smallest, size // 2 // multiple * multiple)
    return half if half < size else None


def _attempt(
    stage: str, method: str, function: Callable[[], Result], values: Values
) -> tuple[Result, Step] | None:
    """Call; give None if the GPU has too little memory, and let go of what the attempt holds."""
    try:
        return call(stage, method, function, values)
    except torch.OutOfMemoryError:
        return None


def _multiple_of(method: str) -> int | None:
    """Tell of what a network's tiles must be multiples; None for what works on the whole."""
    if method not in available():
        return None
    network = load_network(method, WEIGHTS_DIR).module  # as the inversion loads it: only once
    return None if 'kernel' in network.needs else network.multiple


def _tiles(size: int) -> str:
    return f'even for tiles of {size} voxels' if size else 'for the whole volume'
