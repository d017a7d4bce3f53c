"""What is measured of a world: mask, fields from within and without, noise, and what is wrong."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.networks.refined import LAYERS
from qsmnet_bids.networks.scaling import VOXELS
from qsmnet_bids.physics.peel import peeled
from training.worlds.dice import Dice
from training.worlds.field import periodic_field
from training.worlds.matter import Matter
from training.worlds.noise import Shape, smooth

SPACE = (1, 2, 3)
AIR_PPM = 9.4
"""Of air, relative to tissue."""
HOLE_SIGNAL = 0.25
LEAST = 0.02
"""Share of a world that a mask must have; its core may have a quarter of that."""
NONE, EVEN = 0, 1
"""Ways to misjudge noise; the third is by a factor alone."""


@dataclass(frozen=True)
class Limits:
    """Greatest strength of what is wrong with a field, relative to the local field's rms.

    Parameters
    ----------
    noise
        Standard deviation of the noise where the signal is ordinary.
    residual
        Rms of what is left of the background field.
    model
        Rms of smooth errors that no susceptibility explains.
    patch
        Peak of places with a wrong field, as from flow.
    order
        Rms of the field that the order of fibres in white matter adds.
    least
        Least strength of smooth errors and of that order, relative to the greatest.
    """

    noise: float
    residual: float
    model: float
    patch: float
    order: float
    least: float


def draw_mask(dice: Dice, matter: Matter) -> Tensor:
    """Draw a mask: eroded by up to a tenth of the side, ragged, with holes where signal is low.

    Parameters
    ----------
    dice
        To draw with.
    matter
        Of the worlds.

    Returns
    -------
        1 or 0, shape ``(world, x, y, z)``.
    """
    n, side = len(matter.level), matter.level.shape[-1]
    eroded = dice.chance(n, 0.7) * dice.uniform(n, 0, 0.06) * side
    ragged = dice.chance(n, 0.6) * dice.uniform(n, 0, 2.5) * smooth(dice, n, _cube(side), 2.5)
    # raggedness too only takes away: there is no tissue to be had outside the body
    mask = matter.level + eroded + ragged.abs() < 0
    holes = (matter.signal < HOLE_SIGNAL) & (dice.chance(n, 0.5) > 0)
    # the neighbourhood of a hole is lost too
    for axis in SPACE:
        holes = holes | holes.roll(1, axis) | holes.roll(-1, axis)
    mask = mask & ~holes
    # a world whose mask came out all but empty, or all border, is taken whole
    small = mask.float().mean(SPACE, keepdim=True) < LEAST
    thin = dice.column(np.array([_is_thin(own) for own in mask])) > 0
    return (mask | small | thin).float()


def _is_thin(mask: Tensor) -> bool:
    try:
        core = peeled(mask, LAYERS)
    except ValueError:
        return True
    return float(core.float().mean()) < LEAST / 4


def referenced(chi: Tensor, mask: Tensor) -> Tensor:
    """Subtract the mean in the mask, shape of ``chi``; not yet masked.

    Parameters
    ----------
    chi
        ppm, shape ``(world, x, y, z)``.
    mask
        1 or 0.
    """
    mean = (chi * mask).sum(SPACE, keepdim=True) / mask.sum(SPACE, keepdim=True).clamp(min=1)
    return chi - mean


def background_field(dice: Dice, matter: Matter, mask: Tensor, kernels: Tensor) -> Tensor:
    """Field of what lies outside the mask: tissue, skull, skin, sinuses, the air around.

    Parameters
    ----------
    dice
        To draw with.
    matter
        Of the worlds.
    mask
        1 or 0.
    kernels
        Of the worlds.

    Returns
    -------
        ppm, everywhere; only in the mask does it obey Laplace's equation.
    """
    n, side = len(mask), mask.shape[-1]
    level = matter.level
    bone = dice.uniform(n, 0.01, 0.03) * side
    skull = bone + dice.uniform(n, 0.02, 0.06) * side
    skin = skull + dice.uniform(n, 0.02, 0.08) * side
    outside = torch.where(level > bone, dice.uniform(n, -3, 0), matter.chi)
    outside = torch.where(level > skull, dice.uniform(n, -0.5, 0.7), outside)
    air = dice.chance(n, 0.85) * AIR_PPM * dice.uniform(n, 0.7, 1.3)
    outside = torch.where(level > skin, air, outside)
    # sinuses and ear cells: a few strong sources, no nearer than the mask
    hollow = smooth(dice, n, _cube(side), side / 9) > dice.uniform(n, 1.2, 3.0)
    strength = dice.uniform(n, -2, 11)
    outside = torch.where(hollow & (level > 0.3 * bone), strength, outside)
    # edges of several ppm would ring through the volume, as those of real bodies do not
    return periodic_field(_softened(outside) * (1 - mask), kernels)


def errors_of(
    dice: Dice, local: Tensor, matter: Matter, mask: Tensor, kernels: Tensor, limits: Limits
) -> Tensor:
    """Draw what is wrong with a field besides noise.

    Parameters
    ----------
    dice
        To draw with.
    local
        Local field, which gives the scale, ppm.
    matter, mask, kernels
        Of the worlds.
    limits
        Greatest strengths.

    Returns
    -------
        To be added, ppm.
    """
    n, side = len(mask), mask.shape[-1]
    scale = rms(local, mask)
    wrong = torch.zeros_like(local)
    if limits.residual:
        lining = (1 - mask) * (matter.level < dice.uniform(n, 0.01, 0.2) * side)
        sources = lining * smooth(
            dice, n, _cube(side), max(1.5, side * dice.rng.uniform(0.03, 0.15))
        )
        harmonic = periodic_field(sources, kernels)
        share = dice.chance(n, 0.8) * dice.log_uniform(n, 0.02 * limits.residual, limits.residual)
        wrong += harmonic * (share * scale / rms(harmonic, mask))
    if limits.model:
        # tissue with an order and a chemistry of its own: a field without sources
        model = smooth(dice, n, _cube(side), dice.rng.uniform(1.5, 8)) * matter.signal
        chosen = dice.chance(n, 0.7)
        share = chosen * dice.log_uniform(n, limits.least * limits.model, limits.model)
        wrong += model * (share * scale / rms(model, mask))
    if limits.patch:
        bumps = smooth(dice, n, _cube(side), max(1.5, side * dice.rng.uniform(0.04, 0.12)))
        bumps = (bumps - dice.uniform(n, 1.8, 3.5)).clamp_(0, 1)
        wrong += bumps * (dice.chance(n, 0.4) * dice.uniform(n, -1, 1) * limits.patch * scale)
    return wrong


def noise_deviation(
    dice: Dice, local: Tensor, matter: Matter, mask: Tensor, limits: Limits
) -> Tensor:
    """Draw the noise's standard deviation, which is the greater, the less signal there is.

    Parameters
    ----------
    dice
        To draw with.
    local
        Local field, which gives the scale, ppm.
    matter, mask
        Of the worlds.
    limits
        Greatest strengths; one world in ten has no noise.

    Returns
    -------
        ppm.
    """
    if not limits.noise:
        return torch.zeros_like(local)
    level = dice.log_uniform(len(mask), 0.015 * limits.noise, limits.noise)
    level = dice.chance(len(mask), 0.9) * level * rms(local, mask)
    return level / matter.signal.clamp(0.1, 2)


def told(dice: Dice, noise: Tensor, mask: Tensor, *, share: float) -> Tensor:
    """Misjudge the noise of some worlds, as a fit does that knows nothing of flow or motion.

    Parameters
    ----------
    dice
        To draw with.
    noise
        True standard deviation, ppm, shape ``(world, 1, x, y, z)``.
    mask
        1 or 0.
    share
        Of the worlds that are misjudged: a third of them is said to have no noise, a third to
        have the same everywhere; these and the rest are up to four times off.

    Returns
    -------
        ppm, zero outside the mask.
    """
    n = len(noise)
    is_misjudged, kind = dice.rng.random(n) < share, dice.rng.integers(3, size=n)
    factor = dice.log_uniform(n, 0.25, 4)[:, None]
    even = noise.sum(VOXELS, keepdim=True) / mask.sum(VOXELS, keepdim=True) * mask
    wrong = factor * torch.where(dice.column(kind == EVEN)[:, None] > 0, even, noise)
    wrong = torch.where(dice.column(kind == NONE)[:, None] > 0, 0, wrong)
    return torch.where(dice.column(is_misjudged)[:, None] > 0, wrong, noise)


def rms(volume: Tensor, mask: Tensor) -> Tensor:
    """Give the root mean square in the mask, shape ``(world, 1, 1, 1)``, above 0.

    Parameters
    ----------
    volume
        Shape ``(world, x, y, z)``.
    mask
        1 or 0.
    """
    squares = (volume * mask).square().sum(SPACE, keepdim=True)
    return (squares / mask.sum(SPACE, keepdim=True).clamp(min=1)).sqrt().clamp(min=1e-9)


def _softened(volume: Tensor) -> Tensor:
    """Average over neighbours, so that nothing is left at the highest frequencies."""
    for axis in SPACE:
        volume = volume / 2 + (volume.roll(1, axis) + volume.roll(-1, axis)) / 4
    return volume


def _cube(side: int) -> Shape:
    return side, side, side
