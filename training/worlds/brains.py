"""Worlds like brains: warped tissue maps with random values, nuclei, veins, bleeds, calcium.

That values are drawn rather than known follows B. Billot et al., Med. Image Anal. 86:102789, 2023,
doi:10.1016/j.media.2023.102789.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.worlds.dice import Dice
from training.worlds.matter import Grid, Matter
from training.worlds.noise import smooth
from training.worlds.objects import ELLIPSOID, Objects, random_rotations
from training.worlds.raster import rasterise
from training.worlds.shapes import blob_level
from training.worlds.tissue import N_KINDS, NUCLEI, load_tissue

CENTRE_MM = (0.0, -18.0, 8.0)
WHOLE_MM = (178.0, 230.0)
"""Side of a world that holds the brain whole."""
ZOOM = (1.0, 2.6)
TEXTURE_PPM = (0.001, 0.02)
VEIN_PPM = (0.05, 0.45)
LESION_PPM = 1.0


@dataclass(frozen=True)
class Pose:
    """Where a world's voxels lie in the template.

    Parameters
    ----------
    matrix
        From world (mean voxels from its middle) to template (mm), shape ``(n, 3, 3)``.
    shift
        mm, shape ``(n, 3)``.
    mm
        Template's mm per mean voxel, shape ``(n,)``.
    displacement
        Added, mm, shape ``(n, 3, x, y, z)``.
    """

    matrix: np.ndarray
    shift: np.ndarray
    mm: np.ndarray
    displacement: Tensor


def brains(dice: Dice, grid: Grid) -> Matter:
    """Draw worlds like brains.

    Parameters
    ----------
    dice
        To draw with; validation has zooms, warps and values of its own.
    grid
        Of the worlds.
    """
    n = grid.n_worlds
    pose = _draw_pose(dice, grid)
    steps = pose.matrix * np.array(grid.voxel_sizes)[:, None]
    starts = pose.shift - steps.sum(2) * (grid.side - 1) / 2
    maps = load_tissue(dice.device).sample(pose.displacement, steps, starts)
    level = maps[:, 2] / dice.column(pose.mm)
    parts = _sharpened(dice, maps)
    values = _tissue_values(dice, n)
    strengths = [dice.uniform(n, 0.5, 1.3) for _ in parts]
    chi = sum((p * v for p, v in zip(parts, values, strict=True)), torch.zeros_like(level))
    signal = sum((p * s for p, s in zip(parts, strengths, strict=True)), torch.zeros_like(level))
    plain = chi = chi + _texture(dice, grid)
    chi, signal = _add_nuclei(dice, grid, pose, chi, signal)
    chi, signal = _add_veins(dice, grid, level, chi, signal)
    chi, signal = _add_edge(dice, grid, level, chi, signal)
    chi, signal = _add_lesions(dice, grid, chi, signal)
    cut = torch.maximum(level, blob_level(dice, n, grid.side))
    level = torch.where(dice.chance(n, 0.2) > 0, cut, level)
    # what lies in white matter has no fibres
    return Matter(chi, level, signal, torch.where(chi == plain, parts[1], 0))


def _draw_pose(dice: Dice, grid: Grid) -> Pose:
    n, rng = grid.n_worlds, dice.rng
    whole = dice.apart(n, *WHOLE_MM) / grid.side
    zoom = np.where(rng.random(n) < 0.5, 1.0, dice.apart(n, *ZOOM))
    mm = whole / zoom
    scale = dice.apart(3 * n, 0.85, 1.2).reshape(n, 3)
    scale[:, 0] *= rng.choice([-1, 1], size=n)
    # turned by as much as heads are, and now and then by any angle
    angle = np.where(rng.random(n) < 0.85, np.radians(15) * rng.standard_normal(n), np.pi)
    any_turn = random_rotations(rng, n)
    small = _rotation_about(rng.normal(size=(n, 3)), angle)
    turn = np.where((angle == np.pi)[:, None, None], any_turn, small)
    matrix = turn * scale[:, :, None] * mm[:, None, None]
    # a zoomed world lies anywhere in the brain
    away = (1 - 1 / zoom)[:, None] * rng.uniform(-1, 1, size=(n, 3)) * (55, 70, 50)
    shift = np.asarray(CENTRE_MM) + away + rng.uniform(-5, 5, size=(n, 3))
    spacing = float(dice.apart(1, 25, 60)[0] / mm.mean())
    displacement = torch.zeros(1, device=dice.device)
    for amplitude, wave in ((5.0, spacing), (1.2, spacing / 3)):
        part = smooth(dice, 3 * n, grid.shape, max(wave, 2)).view(n, 3, *grid.shape)
        displacement = displacement + dice.uniform(n, 0, amplitude)[:, None] * part
    return Pose(matrix, shift, mm, displacement)


def _sharpened(dice: Dice, maps: Tensor) -> list[Tensor]:
    """Give grey matter, white matter and CSF, between as they are and all or nothing."""
    n = len(maps)
    grey, white = maps[:, 0].clamp(0, 1), maps[:, 1].clamp(0, 1)
    water = (1 - grey - white).clamp(min=0)
    # the boundaries of a mean brain are blurred; shift and sharpen them
    bias = torch.cat([dice.uniform(n, -0.4, 0.4) for _ in range(3)], dim=1).unsqueeze(-1)
    power = dice.log_uniform(n, 1.5, 8)[:, None]
    logits = torch.stack([grey, white, water], dim=1).add_(1e-4).log_().add_(bias)
    return list(logits.mul_(power).softmax(1).unbind(1))


def _tissue_values(dice: Dice, n: int) -> list[Tensor]:
    """Draw the susceptibility of grey matter, white matter and CSF, ppm."""
    ranges = ((-0.03, 0.09), (-0.1, 0.04), (-0.06, 0.08))
    return [dice.column(dice.apart(n, *one)) for one in ranges]


def _texture(dice: Dice, grid: Grid) -> Tensor:
    n = grid.n_worlds
    spacing = dice.rng.uniform(1.2, 4)
    fine = dice.log_uniform(n, *TEXTURE_PPM) * smooth(dice, n, grid.shape, spacing)
    coarse = dice.log_uniform(n, *TEXTURE_PPM) * smooth(dice, n, grid.shape, grid.side / 9)
    return fine + coarse


def _paint(
    volumes: tuple[Tensor, Tensor], grid: Grid, objects: list[Objects], signals: list[np.ndarray]
) -> tuple[Tensor, Tensor]:
    """Replace susceptibility and signal by those of objects, which come in voxels."""
    chi, signal = volumes
    ones = [_with_value(one, np.ones_like(one.value)) for one in objects]
    others = [_with_value(one, own) for one, own in zip(objects, signals, strict=True)]
    sizes = grid.voxel_sizes
    cover, value, own = (
        rasterise(kind, grid.shape, device=chi.device, voxel_sizes=sizes)
        for kind in (ones, objects, others)
    )
    many = cover.clamp(min=1)
    free = 1 - cover / many
    return chi * free + value / many, signal * free + own / many


def _with_value(objects: Objects, value: np.ndarray) -> Objects:
    return Objects(
        objects.kind, objects.centre, objects.extents, objects.rotation, value.astype(np.float32)
    )


def _add_nuclei(
    dice: Dice, grid: Grid, pose: Pose, chi: Tensor, signal: Tensor
) -> tuple[Tensor, Tensor]:
    rng = dice.rng
    worlds, signals = [], []
    for world in range(grid.n_worlds):
        kinds = dice.apart(N_KINDS, -0.05, 0.28)
        centres, radii, values = [], [], []
        for centre, half, kind in NUCLEI:
            for sign in (-1, 1):
                centres.append(np.array(centre) * (sign, 1, 1) + rng.normal(size=3) * 2)
                radii.append(np.array(half) * np.exp(rng.normal(size=3) * 0.2))
                values.append(kinds[kind] * rng.uniform(0.8, 1.2))
        matrix = pose.matrix[world]
        # the displacement is not inverted: nuclei keep their form, and lie a little off
        places = np.linalg.solve(matrix, (np.array(centres) - pose.shift[world]).T).T
        middle = (grid.side - 1) / 2 * np.asarray(grid.voxel_sizes[world])
        lengths = np.linalg.norm(matrix, axis=1)
        turn = matrix / lengths[:, None]
        tilt = _rotation_about(
            rng.normal(size=(len(values), 3)), 0.25 * rng.normal(size=len(values))
        )
        objects = Objects(
            np.full(len(values), ELLIPSOID),
            (places + middle).astype(np.float32),
            (np.array(radii) / lengths).astype(np.float32),
            (tilt @ turn).astype(np.float32),
            np.array(values, np.float32),
        )
        worlds.append(objects)
        signals.append(rng.uniform(0.4, 1.0) * np.ones(len(values)))
    return _paint((chi, signal), grid, worlds, signals)


def _add_veins(
    dice: Dice, grid: Grid, level: Tensor, chi: Tensor, signal: Tensor
) -> tuple[Tensor, Tensor]:
    """Thread tubes through the tissue: curves in which two smooth volumes are both zero."""
    n = grid.n_worlds
    for spacing, radius in ((grid.side / 6, 1.4), (grid.side / 12, 0.6)):
        first, second = (smooth(dice, n, grid.shape, spacing) for _ in range(2))
        # a spline of unit variance rises by some 1.1 per spacing
        distance = (first.square() + second.square()).sqrt_() * (spacing / 1.1)
        width = radius * (1 + smooth(dice, n, grid.shape, spacing)) * dice.uniform(n, 0.3, 1.3)
        cover = (0.5 + width - distance).clamp_(0, 1) * (width > 0.2)
        # not in the deep white matter alone: most veins are near the surface
        cover = cover * (level > -dice.uniform(n, 0.05, 0.5) * grid.side)
        value = dice.uniform(n, *VEIN_PPM)
        chi = torch.lerp(chi, value.expand_as(chi), cover)
        signal = signal * (1 - dice.uniform(n, 0, 0.7) * cover)
    return chi, signal


def _add_edge(
    dice: Dice, grid: Grid, level: Tensor, chi: Tensor, signal: Tensor
) -> tuple[Tensor, Tensor]:
    """Line the surface here and there: sinuses, dura, bone that the mask took in."""
    n = grid.n_worlds
    thickness = dice.uniform(n, 0, 0.02) * grid.side
    patchy = (smooth(dice, n, grid.shape, grid.side / 8) - dice.uniform(n, 0, 2)).clamp(0, 1)
    cover = patchy * (0.5 + thickness + level).clamp(0, 1)
    value = dice.uniform(n, -0.6, 0.6).expand_as(chi)
    return torch.lerp(chi, value, cover), signal * (1 - 0.6 * cover)


def _add_lesions(dice: Dice, grid: Grid, chi: Tensor, signal: Tensor) -> tuple[Tensor, Tensor]:
    """Add bleeds and calcifications, from single voxels to a tenth of the side."""
    rng = dice.rng
    worlds, signals = [], []
    for size in grid.voxel_sizes:
        n_lesions = int(rng.integers(0, 8)) if rng.random() < 0.6 else 0
        radius = np.exp(rng.uniform(np.log(0.8), np.log(grid.side / 12), size=(n_lesions, 1)))
        extents = radius * np.exp(0.25 * rng.normal(size=(n_lesions, 3)))
        centre = rng.uniform(0.15, 0.85, size=(n_lesions, 3)) * grid.side * np.asarray(size)
        values = rng.uniform(-LESION_PPM, LESION_PPM, size=n_lesions)
        worlds.append(
            Objects(
                np.full(n_lesions, ELLIPSOID),
                centre.astype(np.float32),
                extents.astype(np.float32),
                random_rotations(rng, n_lesions),
                values.astype(np.float32),
            )
        )
        signals.append(np.exp(-np.abs(values) * rng.uniform(0.5, 3)))
    return _paint((chi, signal), grid, worlds, signals)


def _rotation_about(axes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn about axes, by Rodrigues's formula; shape ``(n, 3, 3)``."""
    x, y, z = (axes / np.linalg.norm(axes, axis=1, keepdims=True)).T
    zero = np.zeros_like(x)
    cross = np.moveaxis(np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]), -1, 0)
    sin, cos = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.eye(3) + sin * cross + (1 - cos) * (cross @ cross)
