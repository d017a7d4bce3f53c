"""A training run as a TOML file."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from qsmnet_bids.networks.unet import Normalisation
from training.losses import LOSSES


class NetworkSizes(TypedDict, total=False):
    """Arguments of the U-Net."""

    in_channels: int
    out_channels: int
    features: int
    depth: int
    kernel_size: int
    normalisation: Normalisation
    dropout: float


class WorldSizes(TypedDict, total=False):
    """Arguments of the worlds."""

    size: int
    n_objects: int
    chi_range: float


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights.

    Parameters
    ----------
    name
        Of the network.
    seed
        Of the initial weights and of the samples.
    steps, batch_size
        Length of the training.
    learning_rate, betas
        Of Adam.
    warmup_steps
        Steps in which the rate grows from 0.
    decay_fraction
        Last part of the steps, in which the rate falls to 0 along a cosine.
    clip_norm
        Greatest norm of the gradient.
    ema_decay
        Of the moving average of the weights, which is what is exported.
    loss
        Name of the loss.
    validation_every, validation_samples
        Steps between validations; size of the fixed set.
    field_scale, chi_scale
        ppm that are 1 at the network's input and output.
    network
        Arguments of the U-Net.
    data
        Arguments of the worlds.
    """

    name: str
    seed: int = 0
    steps: int = 20500
    batch_size: int = 32
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = 50
    decay_fraction: float = 0.3
    clip_norm: float = 10.0
    ema_decay: float = 0.99
    loss: str = 'mse'
    validation_every: int = 100
    validation_samples: int = 16
    field_scale: float = 0.05
    chi_scale: float = 0.2
    network: NetworkSizes = field(default_factory=NetworkSizes)
    data: WorldSizes = field(default_factory=WorldSizes)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    path
        TOML file.

    Raises
    ------
    ValueError
        If it names an unknown field or loss.
    """
    content = tomllib.loads(path.read_text())
    known = {one.name for one in dataclasses.fields(Recipe)}
    if unknown := sorted(set(content) - known):
        raise ValueError(f'{path}: unknown {unknown}; a recipe has {sorted(known)}')
    recipe = Recipe(**{**content, 'betas': tuple(content.get('betas', (0.9, 0.99)))})
    if recipe.loss not in LOSSES:
        raise ValueError(f'{path}: loss must be one of {sorted(LOSSES)}, got {recipe.loss!r}')
    return recipe
