"""The door to the training data: all sources by name, and mixtures of them."""

from dataclasses import dataclass

import numpy as np
import torch

from training.worlds.background import ThesisBackground
from training.worlds.batch import Batch, Source, Task
from training.worlds.geometric import Geometric
from training.worlds.periodic import Worlds

__all__ = ['SOURCES', 'Batch', 'Mixture', 'Source', 'Task']

SOURCES: dict[str, type[Source]] = {
    'geometric': Geometric,
    'background': ThesisBackground,
    'worlds': Worlds,
}
"""What a recipe may name; the fields of each are its options, with the defaults of the text."""


@dataclass(frozen=True)
class Mixture:
    """Several sources, one of which makes each step's batch.

    Parameters
    ----------
    sources
        To draw from.
    weights
        Odds of each, in any scale; equal if empty.
    """

    sources: tuple[Source, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources or len(self.weights) not in {0, len(self.sources)}:
            raise ValueError(
                'weights must be as many as the sources, or none, got '
                f'{len(self.weights)} for {len(self.sources)}'
            )
        if self.weights and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError(f'weights must be at least 0, and one above, got {self.weights}')

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step; see ``Source``."""
        weights = np.asarray(self.weights or [1.0] * len(self.sources))
        chosen = np.random.default_rng([seed, step, 7]).choice(
            len(self.sources), p=weights / weights.sum()
        )
        return self.sources[chosen].batch(seed=seed, step=step, size=size, device=device)
