"""Large periodic worlds, measured with all that goes wrong, whole or in crops."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.networks.closed_form import closed_form
from qsmnet_bids.networks.sample import Sample
from qsmnet_bids.phantom.averaging import averaged_field
from qsmnet_bids.vectors import Vector
from training.worlds.batch import Batch, Task
from training.worlds.brains import brains
from training.worlds.dice import Dice, Split
from training.worlds.field import periodic_field, periodic_kernels
from training.worlds.matter import Grid, Matter, joined
from training.worlds.measured import (
    SPACE,
    Limits,
    background_field,
    draw_mask,
    errors_of,
    noise_deviation,
    referenced,
    told,
)
from training.worlds.noise import smooth, white
from training.worlds.order import ordered
from training.worlds.removal import removed
from training.worlds.shapes import shapes

TILT_RAD = 0.7
TURNS_RAD_PER_PPM = (4.0, 40.0)
"""Of the phase: from 10 ms at 1.5 T to 21 ms at 7 T."""


@dataclass(frozen=True)
class Worlds:
    """Worlds that repeat themselves beyond their sides, so that their FFT field is exact.

    Parameters
    ----------
    task
        What is asked for.
    world_size
        Voxels per side.
    crop_size
        Voxels per side of what is given of it; 0 for whole worlds, which come with their kernel.
    crops_per_world
        Samples that share a world.
    brains
        Share of worlds like brains; the others are geometric clutter.
    noise
        Greatest standard deviation of the noise, relative to the local field's rms.
    misjudged
        Share of worlds whose noise is told wrongly: none, even, or up to four times off.
    residual
        Greatest rms of what is left of the background in a local field, relative likewise.
    removed
        Share of worlds of local fields from which a background removal takes what it takes along.
    model_error
        Greatest rms of smooth errors that no susceptibility explains, relative likewise.
    order
        Greatest rms of the field that fibres add which are magnetised more along than across,
        relative likewise; the label is then the susceptibility that fields of many orientations
        show.
    least_error
        Least strength of smooth errors and of that order, relative to the greatest.
    patch
        Greatest peak of places with a wrong field, as from flow, relative likewise.
    finer
        Voxels, along each axis, of the world of which one of the given voxels averages the signal,
        as a scanner's does: no susceptibility explains such a field where it varies strongly.
    anisotropy
        Greatest ratio of a voxel's sides; one world in three has cubes.
    any_direction
        Whether B0 may have any direction; along z if not.
    is_referenced
        Whether the label's mean in the mask is zero.
    with_inverse
        Whether the closed-form estimates of the task are given, made on the whole world.
    with_magnitude
        Whether the magnitude is given.
    split
        Validation has zooms, warps and tissue values of its own.
    """

    task: Task = 'dipole'
    world_size: int = 96
    crop_size: int = 48
    crops_per_world: int = 8
    brains: float = 0.5
    noise: float = 1.0
    misjudged: float = 0.0
    residual: float = 0.6
    removed: float = 0.0
    model_error: float = 0.5
    order: float = 0.0
    least_error: float = 0.02
    patch: float = 5.0
    finer: int = 1
    anisotropy: float = 3.0
    any_direction: bool = True
    is_referenced: bool = True
    with_inverse: bool = False
    with_magnitude: bool = False
    split: Split = 'training'

    def __post_init__(self) -> None:
        if not 0 <= self.crop_size <= self.world_size:
            raise ValueError(
                f'crop_size must be within 0 and world_size, got {self.crop_size} '
                f'for {self.world_size}'
            )
        if self.crops_per_world < 1:
            raise ValueError(f'crops_per_world must be at least 1, got {self.crops_per_world}')
        for name in ('brains', 'misjudged', 'removed'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} must be within 0 and 1, got {getattr(self, name)}')
        if not 0 < self.least_error <= 1:
            raise ValueError(f'least_error must be in (0, 1], got {self.least_error}')
        if self.finer < 1:
            raise ValueError(f'finer must be at least 1, got {self.finer}')
        if self.anisotropy < 1:
            raise ValueError(f'anisotropy must be at least 1, got {self.anisotropy}')

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step; see ``Source``."""
        dice = Dice.of(seed, step, device=device, split=self.split)
        n_worlds = -(-size // self.crops_per_world) if self.crop_size else size
        grid = self._grid(dice, n_worlds)
        whole = self._measure(dice, grid, self._matter(dice, grid.finer(self.finer)))
        return self._crops(dice, whole, size) if self.crop_size else whole

    def _grid(self, dice: Dice, n: int) -> Grid:
        sizes = [_voxel_size(dice.rng, self.anisotropy) for _ in range(n)]
        dirs = [_direction(dice.rng) if self.any_direction else (0.0, 0.0, 1.0) for _ in range(n)]
        return Grid(self.world_size, tuple(sizes), tuple(dirs))

    def _matter(self, dice: Dice, grid: Grid) -> Matter:
        n = grid.n_worlds
        n_brains = int((dice.rng.random(n) < self.brains).sum())
        matter = joined(
            brains(dice, grid.part(0, n_brains)) if n_brains else None,
            shapes(dice, grid.part(n_brains, n)) if n_brains < n else None,
        )
        # coils are nearer to some parts than to others
        near = torch.exp(dice.uniform(n, 0, 0.4) * smooth(dice, n, grid.shape, grid.side / 2.5))
        return dataclasses.replace(matter, signal=matter.signal * near)

    def _measure(self, dice: Dice, grid: Grid, finest: Matter) -> Batch:
        kernels = periodic_kernels(grid.shape, grid.voxel_sizes, grid.b0_dirs, dice.device)
        matter = finest.averaged(self.finer)
        mask = draw_mask(dice, matter)
        chi = self._seen(matter, mask)
        local = self._local(dice, grid, finest, mask, kernels)
        is_dipole = self.task == 'dipole'
        limits = self._limits()
        if self.order:
            order = ordered(dice, matter, mask, grid, local, limits)
            local = local + order.field
            matter = dataclasses.replace(matter, chi=matter.chi + order.chi)
            chi = self._seen(matter, mask)
        deviation = noise_deviation(dice, local, matter, mask, limits)
        field = local + errors_of(dice, local, matter, mask, kernels, limits)
        field = field + deviation * white(dice, grid.n_worlds, grid.shape)
        if not is_dipole or self.removed:
            total = field + background_field(dice, matter, mask, kernels)
            if is_dipole:
                field, mask = removed(
                    dice, field, total, deviation, mask, grid, share=self.removed
                )
                chi = self._seen(matter, mask)
            else:
                field = total
        label = local * mask if self.task == 'background' else chi
        given, inside = (field * mask)[:, None], mask[:, None]
        known = (deviation * mask)[:, None]
        if self.misjudged:
            known = told(dice, known, inside, share=self.misjudged)
        inverse = magnitude = None
        if self.with_inverse:
            inverse = closed_form(given, inside, known, kernels, task=self.task)
        if self.with_magnitude:
            magnitude = _relative(matter.signal, mask)[:, None]
        sides = torch.tensor(grid.voxel_sizes, dtype=given.dtype, device=given.device)
        whole = not self.crop_size
        sample = Sample(
            given,
            inside,
            known,
            kernels if whole else None,
            inverse,
            magnitude,
            sides if whole else None,
        )
        return Batch(sample, label[:, None])

    def _local(
        self, dice: Dice, grid: Grid, finest: Matter, mask: Tensor, kernels: Tensor
    ) -> Tensor:
        """Local field, ppm; where voxels average, what the phase of their mean signal tells."""
        if self.finer == 1:
            return periodic_field(self._seen(finest, mask), kernels)
        finer = grid.finer(self.finer)
        kernels = periodic_kernels(finer.shape, finer.voxel_sizes, finer.b0_dirs, dice.device)
        inside = mask
        for axis in SPACE:
            inside = inside.repeat_interleave(self.finer, axis)
        turns = dice.log_uniform(grid.n_worlds, *TURNS_RAD_PER_PPM)
        field = periodic_field(self._seen(finest, inside), kernels)
        return averaged_field(field, finest.signal, turns, self.finer)

    def _limits(self) -> Limits:
        return Limits(
            noise=self.noise,
            residual=self.residual if self.task == 'dipole' else 0.0,
            model=self.model_error,
            patch=self.patch,
            order=self.order,
            least=self.least_error,
        )

    def _seen(self, matter: Matter, mask: Tensor) -> Tensor:
        return (referenced(matter.chi, mask) if self.is_referenced else matter.chi) * mask

    def _crops(self, dice: Dice, whole: Batch, size: int) -> Batch:
        """Cut the same boxes out of all volumes, around voxels of the mask."""
        free = self.world_size - self.crop_size
        boxes = []
        for position in range(size):
            world = position // self.crops_per_world
            centre = _voxel_of(dice, whole.sample.mask[world, 0])
            low = np.clip(centre - self.crop_size // 2, 0, free)
            x, y, z = (slice(int(start), int(start) + self.crop_size) for start in low)
            boxes.append((world, slice(None), x, y, z))

        def cut(volumes: Tensor) -> Tensor:
            return torch.stack([volumes[box] for box in boxes])

        given = whole.sample
        sample = Sample(
            cut(given.field),
            cut(given.mask),
            cut(given.noise),
            inverse=None if given.inverse is None else cut(given.inverse),
            magnitude=None if given.magnitude is None else cut(given.magnitude),
        )
        return Batch(sample, cut(whole.label))


def _voxel_size(rng: np.random.Generator, anisotropy: float) -> Vector:
    """Draw a voxel's sides, relative to their geometric mean; one side is unlike the others."""
    ratio = 1.0 if rng.random() < 1 / 3 else float(np.exp(rng.uniform(0, np.log(anisotropy))))
    sides = np.ones(3)
    sides[rng.choice(3, p=[0.15, 0.15, 0.7])] = ratio
    if rng.random() < 0.2:
        sides = 1 / sides
    x, y, z = (sides / np.cbrt(sides.prod())).tolist()
    return x, y, z


def _direction(rng: np.random.Generator) -> Vector:
    """Draw B0: along z, tilted from it, or anything, with equal odds."""
    kind = rng.integers(3)
    if kind == 0:
        return 0.0, 0.0, 1.0
    vector = rng.normal(size=3)
    if kind == 1:
        tilt, turn = rng.uniform(0, TILT_RAD), rng.uniform(0, 2 * np.pi)
        vector = np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)])
    x, y, z = (vector / np.linalg.norm(vector)).tolist()
    return x, y, z


def _voxel_of(dice: Dice, mask: Tensor) -> np.ndarray:
    """Draw a voxel of the mask; any voxel where tries are in vain."""
    tries = dice.rng.integers(0, mask.shape[0], size=(64, 3))
    index = torch.as_tensor(tries, device=mask.device)
    hits = torch.nonzero(mask[index[:, 0], index[:, 1], index[:, 2]] > 0)
    return tries[int(hits[0])] if len(hits) else tries[0]


def _relative(signal: Tensor, mask: Tensor) -> Tensor:
    """Divide by the median in the mask."""
    medians = [own[inside > 0].median() for own, inside in zip(signal, mask, strict=True)]
    return signal * mask / torch.stack(medians).view(-1, 1, 1, 1)
