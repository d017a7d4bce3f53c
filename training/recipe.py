"""Everything that decides the weights of a training run."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from qsmnet_bids.networks import ARCHITECTURES
from qsmnet_bids.networks.network import Network
from qsmnet_bids.networks.refined import Refined
from training.batches import SOURCES, Mixture, Source
from training.losses import LOSSES

Value = bool | int | float | str | list['Value'] | dict[str, 'Value']
Table = Mapping[str, Value]

OPTIMISERS = ('adam', 'muon')
LEARNERS = ('all', 'weights', 'judge')
MAY_CHANGE = (
    'steps',
    'warmup_steps',
    'decay_fraction',
    'validation_every',
    'description',
    'intended_use',
    'limits',
)
"""Fields that may differ between the parts of a run: the schedule, and what is only said."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights; the numbers default to the thesis's, section 3.1.

    Parameters
    ----------
    name
        Of the run and of the weights: the file's own.
    description
        What it is, one phrase.
    intended_use, limits
        For the model card.
    seed
        Of the initial weights, of the samples and of dropout.
    learns
        ``'all'``; ``'weights'`` alone, batch normalisation going by the averages of the stage
        before, as it does when the network is used; or ``'judge'``: only the small network that
        weighs a ``refined`` network's maps, fitted after the last step to what the samples told.
    starts_from
        Run of an earlier stage, beside this one, whose averaged weights are the initial ones.
    steps, batch_size
        Length of the training.
    optimiser
        ``'adam'``, or ``'muon'`` for hidden convolutions and Adam for the rest.
    learning_rate
        Of the optimiser; Adam beside Muon has a twentieth of it.
    betas
        Of Adam.
    warmup_steps
        Steps in which the rate grows from 0.
    decay_fraction
        Last part of the steps, in which the rate falls to 0 along a cosine.
    clip_norm
        Greatest norm of the gradient.
    ema_decay
        Of the moving average of the weights, which is what is validated and exported.
    validation_every, validation_samples
        Steps between validations; size of the fixed set.
    loss
        Weights of the losses by their names.
    network
        ``architecture``, and the arguments of it.
    data
        ``source``, and the arguments of it; or ``mixture``, a list of such tables, each with a
        ``weight``.
    """

    name: str
    description: str = ''
    intended_use: str = 'Research.'
    limits: str = 'What differs from its training data lies outside what it has learnt.'
    seed: int = 0
    learns: str = 'all'
    starts_from: str = ''
    steps: int = 20500
    batch_size: int = 32
    optimiser: str = 'adam'
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = 100
    decay_fraction: float = 1.0
    clip_norm: float = 10.0
    ema_decay: float = 0.999
    validation_every: int = 500
    validation_samples: int = 32
    loss: dict[str, float] = field(default_factory=lambda: {'mse': 1.0})
    network: Table = field(default_factory=lambda: {'architecture': 'direct', 'dropout': 0.1})
    data: Table = field(default_factory=lambda: {'source': 'geometric'})

    def __post_init__(self) -> None:
        for name in ('steps', 'batch_size', 'validation_every', 'validation_samples'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1, got {getattr(self, name)}')
        for name in ('learning_rate', 'clip_norm'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} must be positive, got {getattr(self, name)}')
        _check_word('optimiser', self.optimiser, OPTIMISERS)
        _check_learns(self)
        for name, value in (
            ('decay_fraction', self.decay_fraction),
            ('ema_decay', self.ema_decay),
        ):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], got {value}')
        _check_loss(self.loss)

    def rate(self, step: int) -> float:
        """Give the learning rate of a step: warm-up, constant, cosine to zero.

        Parameters
        ----------
        step
            Steps done before it.
        """
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1.0, self.decay_fraction * self.steps)
        return self.learning_rate * warm * 0.5 * (1 - math.cos(math.pi * min(1.0, left)))


def recipe_from(content: Mapping[str, Value], *, name: str) -> Recipe:
    """Make a recipe of a table.

    Parameters
    ----------
    content
        Fields of a recipe.
    name
        Of the recipe.
    """
    known = {one.name: one.type for one in dataclasses.fields(Recipe) if one.name != 'name'}
    if unknown := sorted(set(content) - set(known)):
        raise ValueError(f'unknown {unknown}; a recipe has {sorted(known)}')
    values = {key: _converted(key, value, known[key]) for key, value in content.items()}
    return Recipe(name=name, **values)  # type: ignore[arg-type]


def build_network(recipe: Recipe) -> Network:
    """Build the network with fresh weights.

    Parameters
    ----------
    recipe
        Its ``network``, which must be for the task that its ``data`` sets.
    """
    arguments = dict(recipe.network)
    name = str(arguments.pop('architecture', None))
    if name not in ARCHITECTURES:
        raise ValueError(
            f'network.architecture must be one of {sorted(ARCHITECTURES)}, got {name!r}'
        )
    network = ARCHITECTURES[name](**arguments)
    if network.task != task(recipe):
        raise ValueError(
            f'network.task is {network.task}, but the data are for {task(recipe)}; give both the '
            'same task'
        )
    if recipe.learns == 'judge' and not isinstance(network, Refined):
        raise ValueError(f'learns = "judge" needs network.architecture refined, got {name!r}')
    if recipe.learns == 'weights' and not any(map(has_averages, network.modules())):
        raise ValueError('learns = "weights" needs network.normalisation batch')
    return network


def has_averages(module: nn.Module) -> bool:
    """Tell whether a layer is batch normalisation.

    Parameters
    ----------
    module
        Of a network.
    """
    return isinstance(module, nn.BatchNorm3d)


def build_source(recipe: Recipe) -> Source:
    """Build what the samples come from.

    Parameters
    ----------
    recipe
        Its ``data``.
    """
    parts = recipe.data.get('mixture')
    if not isinstance(parts, list):
        return _build_one(recipe.data)
    if beside := sorted(set(recipe.data) - {'mixture'}):
        raise ValueError(f'data has a mixture, so that {beside} must be given in its parts')
    tables = [dict(part) for part in parts if isinstance(part, dict)]
    weights = tuple(float(table.pop('weight', 1.0)) for table in tables)  # type: ignore[arg-type]
    return Mixture(tuple(_build_one(table) for table in tables), weights)


def task(recipe: Recipe) -> str:
    """Tell what a network learns by a recipe.

    Parameters
    ----------
    recipe
        Its ``data``; the first part of a mixture speaks for all.

    Returns
    -------
        ``'dipole'``, ``'background'`` or ``'onestep'``.
    """
    source = build_source(recipe)
    first = source.sources[0] if isinstance(source, Mixture) else source
    return str(getattr(first, 'task', 'dipole'))


def _build_one(table: Table) -> Source:
    arguments = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    name = str(arguments.pop('source', None))
    if name not in SOURCES:
        raise ValueError(f'data.source must be one of {sorted(SOURCES)}, got {name!r}')
    return SOURCES[name](**arguments)


def _check_learns(recipe: Recipe) -> None:
    _check_word('learns', recipe.learns, LEARNERS)
    if recipe.learns == 'weights' and not recipe.starts_from:
        raise ValueError(
            'learns = "weights" needs starts_from, the stage that has averages to go by'
        )
    if recipe.learns == 'judge' and recipe.steps * recipe.batch_size < 2:
        raise ValueError(f'steps must be at least 2 to fit a judge, got {recipe.steps}')


def _check_word(name: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise ValueError(f'{name} must be one of {words}, got {word!r}')


def _check_loss(weights: Mapping[str, object]) -> None:
    if not weights or not set(weights) <= set(LOSSES):
        raise ValueError(f'loss must name some of {sorted(LOSSES)}, got {sorted(weights)}')
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ValueError(f'loss.{name} must be a number, got {weight!r}')  # noqa: TRY004


def _converted(name: str, value: Value, wanted: object) -> Value | tuple[float, ...]:
    """Check a value's type; an integer may stand where a float may."""
    if name == 'betas' and isinstance(value, list) and len(value) == 2:
        return tuple(float(one) for one in value)  # type: ignore[arg-type]
    if wanted is float and type(value) is int:
        return float(value)
    plain = wanted if isinstance(wanted, type) and wanted in {int, float, str} else dict
    if name == 'betas' or type(value) is not plain:
        raise ValueError(f'{name} must be {getattr(wanted, "__name__", wanted)}, got {value!r}')
    return value
