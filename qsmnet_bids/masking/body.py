"""One solid body out of the voxels that look like tissue."""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

from qsmnet_bids.masking.morphology import (
    box_around,
    close,
    dilate,
    erode,
    fill_holes,
    largest_component,
)
from qsmnet_bids.physics.box import put_back
from qsmnet_bids.tensors import Mask, MultiEcho
from qsmnet_bids.vectors import Vector

SKULL_MM = 4.0
"""Gaps of this width may be bone: they stay open until the scalp is cut off."""

NAMED_AFTER = ('__module__', '__name__', '__qualname__', '__doc__')


@dataclass(frozen=True)
class Tissue:
    """Voxels that look like tissue.

    Parameters
    ----------
    candidate
        All of them; at least one.
    partial
        Voxels that tissue fills by less than half, in or out of ``candidate``; None where that is
        not known.
    """

    candidate: Mask
    partial: Mask | None = None


def as_body(find: Callable[..., Tissue]) -> Callable[..., Mask]:
    """Make a method that finds tissue one that masks the body it makes up.

    The method's own hyper-parameters are followed by those of the shape, which `solid` explains.

    Parameters
    ----------
    find
        Takes a ``MultiEcho`` and keyword-only hyper-parameters.
    """

    def method(
        echoes: MultiEcho,
        *,
        opening_radius: float = 3.0,
        closing_radius: float = 4.0,
        erosion_radius: float = 0.0,
        fill: bool = True,
        **own: float,
    ) -> Mask:
        return solid(
            find(echoes, **own),
            voxel_size=echoes.voxel_size,
            opening_radius=opening_radius,
            closing_radius=closing_radius,
            erosion_radius=erosion_radius,
            fill=fill,
        )

    shape = inspect.signature(method).parameters.values()
    functools.update_wrapper(method, find, assigned=NAMED_AFTER)
    # the command line reads the names and defaults of both
    signature = inspect.signature(find)
    parameters = [*signature.parameters.values(), *(p for p in shape if p.kind is p.KEYWORD_ONLY)]
    signature = signature.replace(parameters=parameters, return_annotation=Mask)
    method.__signature__ = signature  # type: ignore[attr-defined] # any function may have one
    return method


def solid(
    tissue: Tissue,
    *,
    voxel_size: Vector,
    opening_radius: float,
    closing_radius: float,
    erosion_radius: float = 0.0,
    fill: bool = True,
) -> Mask:
    """Make one solid body of the voxels that look like tissue.

    Small gaps are closed, bridges thinner than the opening (from brain to scalp) are cut, the
    largest part is kept, and gaps and holes in it (veins, bleeds) are filled. Close to the
    surface, by less than the closing, nothing is filled: above the sinuses a gap is no tissue.

    Parameters
    ----------
    tissue
        What to make it of; voxels that are partial are left out of the body's surface.
    voxel_size
        mm.
    opening_radius
        Bridges of less than twice this width are cut, mm. At least one voxel is taken along each
        axis, unless it is 0.
    closing_radius
        Gaps of less than twice this width are closed, mm.
    erosion_radius
        Taken off the surface at last, mm.
    fill
        Whether gaps and holes are filled, or stay open but for single voxels as the first of two
        passes wants them; the outer surface is the same.

    Returns
    -------
        One component, without holes if they are filled.
    """
    _check(opening_radius, closing_radius, erosion_radius)
    candidate, partial = tissue.candidate, tissue.partial
    if not bool(candidate.any()):
        raise ValueError('no voxel looks like tissue; lower the thresholds or provide a mask')
    speck = _speck(voxel_size)
    # its faces must be outside, from where shrinking starts
    box = box_around(candidate, max(speck, closing_radius), voxel_size=voxel_size)
    # No filling yet: the scalp may enclose the skull and all.
    firm = close(candidate[box], speck, voxel_size=voxel_size)
    body = largest_component(_opened(firm, opening_radius, voxel_size=voxel_size))
    closed = fill_holes(close(body, closing_radius, voxel_size=voxel_size))
    body |= erode(closed, closing_radius, voxel_size=voxel_size)
    body = fill_holes(largest_component(body))
    if partial is not None:
        inside = erode(body, 1.0, voxel_size=(1.0, 1.0, 1.0))
        body = largest_component(body & (inside | ~partial[box]))
    body = erode(body, erosion_radius, voxel_size=voxel_size)
    if not fill:
        body = largest_component(body & firm)
    return put_back(body, box, candidate.shape)


def _check(opening_radius: float, closing_radius: float, erosion_radius: float) -> None:
    for name, radius in (
        ('opening_radius', opening_radius),
        ('closing_radius', closing_radius),
        ('erosion_radius', erosion_radius),
    ):
        if radius < 0:
            raise ValueError(f'{name} must be at least 0, got {radius}')


def _speck(voxel_size: Vector) -> float:
    """Give the radius that closes single voxels and no skull, mm."""
    # thick slices must not make it so large that it closes the skull within them
    return min(math.prod(voxel_size) ** (1 / 3), SKULL_MM / 2)


def _opened(tissue: Mask, radius: float, *, voxel_size: Vector) -> Mask:
    """Cut bridges and keep what lies around the largest part that is left."""
    # a voxel longer than the radius counts as of that length, or nothing would be cut along it
    x, y, z = (min(size, radius) if radius else size for size in voxel_size)
    core = erode(tissue, radius, voxel_size=(x, y, z))
    if not bool(core.any()):
        return tissue.clone()
    # an opening rounds corners off, hence one voxel more on the way back
    back = radius + _speck((x, y, z))
    return tissue & dilate(largest_component(core), back, voxel_size=(x, y, z))
