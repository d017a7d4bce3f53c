"""The thesis's experiments on what no network of its saw in training, for any inversion.

C. Gessner's thesis (HAW Hamburg, 2019), sections 4.1.2 and 4.1.3, tables 4 to 9: worlds of 48 and
128 voxels a side, sources stronger or larger than those of the training, thin cylinders, scaled
fields, noise, and a field that no susceptibility causes.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.inversion import METHODS
from qsmnet_bids.metrics import rmse, slope_intercept, ssim
from qsmnet_bids.networks.inference import estimate
from qsmnet_bids.tensors import ChiMap, LocalField, Volume
from qsmnet_bids.weights.cards import available
from training.checkpoint import CHECKPOINT, load
from training.recipe import build_network, recipe_from
from training.worlds.field import closed_field
from training.worlds.geometric import Geometric

Invert = Callable[[LocalField], Volume]

SEED = 2_000_000
"""Apart from the seeds of training and of validation."""
SMALL = Geometric(size=48, n_objects=100)
LARGE = Geometric(size=128, n_objects=500, object_scale=1.56)
VEINS = dataclasses.replace(LARGE, n_cylinders=40)
NOISE_PPM = 0.01
PATCH_PPM = 0.2
PATCH_RADIUS = 10.0
"""Of the sphere in the field that no source explains; the thesis gives neither."""
SCALES = (10.0, 100.0, 1000.0)
SOURCES = ((1.0, 10.0), (0.3, 10.0), (0.3, 20.0), (0.3, 32.0))
"""ppm and radius in voxels."""


@dataclass(frozen=True)
class World:
    """A world and what is measured of it.

    Parameters
    ----------
    name
        Of the experiment.
    field
        What the inversion is given, ppm.
    chi
        What it should find, ppm.
    noise
        Standard deviation of what was added to the field, ppm.
    scale
        By which field and susceptibility were multiplied.
    """

    name: str
    field: Volume
    chi: Volume
    noise: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Row:
    """One inversion in one experiment.

    Parameters
    ----------
    experiment, method
        Names.
    rmse
        Over the whole world, both maps without their means, which no field tells; divided by the
        scale, ppm.
    slope, ssim
        As ``qsmnet_bids.metrics`` has them, of the same maps.
    """

    experiment: str
    method: str
    rmse: float
    slope: float
    ssim: float


def worlds(*, n_samples: int = 1) -> Iterator[World]:
    """Make the worlds of all experiments.

    Parameters
    ----------
    n_samples
        Worlds of each of the two sizes; the variations are of the first large one.
    """
    for index in range(n_samples):
        yield _world('48 cubed', SMALL, index)
    for index in range(n_samples):
        yield _world('128 cubed', LARGE, index)
    base = _world('128 cubed', LARGE, 0)
    for chi_ppm, radius in SOURCES:
        chi = base.chi + chi_ppm * _ball(base.chi, radius)
        name = f'source of {chi_ppm:g} ppm, radius {radius:g}'
        yield World(name, closed_field(chi[None])[0], chi)
    yield dataclasses.replace(_world('cylinders', VEINS, 0), name='cylinders')
    for scale in SCALES:
        yield World(f'scaled by {scale:g}', base.field * scale, base.chi * scale, scale=scale)
    generator = torch.Generator().manual_seed(SEED)
    drawn = NOISE_PPM * torch.randn(base.field.shape, generator=generator)
    yield World(f'noise of {NOISE_PPM:g} ppm', base.field + drawn, base.chi, noise=NOISE_PPM)
    patch = PATCH_PPM * _ball(base.chi, PATCH_RADIUS)
    yield World('field without a source', base.field + patch, base.chi)


def stability(methods: Sequence[str], *, n_samples: int = 1) -> Iterator[Row]:
    """Measure inversions in all experiments.

    Parameters
    ----------
    methods
        Names of inversions of the app, or folders of runs, whose averaged weights are taken.
    n_samples
        Worlds of each of the two sizes.
    """
    inversions = {name: _inversion(name) for name in methods}
    for world in worlds(n_samples=n_samples):
        for name, invert in inversions.items():
            yield _row(world, name, invert)


def _world(name: str, source: Geometric, index: int) -> World:
    batch = source.batch(seed=SEED, step=index, size=1, device=torch.device('cpu'))
    return World(name, batch.sample.field[0, 0], batch.label[0, 0])


def _ball(chi: Volume, radius: float) -> Volume:
    """Render a ball off the middle, where the thesis has it."""
    n = chi.shape[0]
    along = torch.arange(n, dtype=chi.dtype)
    x, y, z = along - 0.35 * n, along - 0.35 * n, along - 0.5 * n
    distance = (x[:, None, None] ** 2 + y[:, None] ** 2 + z**2).sqrt()
    return (radius + 0.5 - distance).clamp(0, 1)


def _row(world: World, name: str, invert: Invert) -> Row:
    mask = torch.ones_like(world.chi, dtype=torch.bool)
    local = LocalField(
        field=world.field,
        noise=torch.full_like(world.field, world.noise),
        mask=mask,
        voxel_size=(1.0, 1.0, 1.0),
        b0_dir=(0.0, 0.0, 1.0),
        magnitude=torch.ones_like(world.field),
    )
    found, truth = (_centred(volume / world.scale) for volume in (invert(local), world.chi))
    inside = mask.numpy()
    slope, _ = slope_intercept(found, truth, inside)
    return Row(world.name, name, rmse(found, truth, inside), slope, ssim(found, truth, inside))


def _centred(volume: Tensor) -> np.ndarray:
    return (volume - volume.mean()).numpy()


def _inversion(name: str) -> Invert:
    if name in METHODS:
        method: Callable[..., ChiMap] = METHODS[name]
        return lambda local: method(local).chi
    if not (Path(name) / CHECKPOINT).exists():
        raise ValueError(
            f'{name} is neither one of the inversions {sorted({*METHODS, *available()})} nor the '
            'folder of a run'
        )
    stored = load(Path(name) / CHECKPOINT)
    content = dict(stored['recipe'])
    network = build_network(recipe_from(content, name=content.pop('name')))
    network.load_state_dict(stored['average'])
    network.eval().requires_grad_(requires_grad=False)
    return lambda local: estimate(network, local)
