"""Random numbers of one step."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

Split = Literal['training', 'validation']
_SPLITS: dict[Split, int] = {'training': 0, 'validation': 1}
HELD_OUT = (0.4, 0.6)
"""Part of each range of anatomy, as fractions of it, that validation has to itself."""


@dataclass(frozen=True)
class Dice:
    """One generator for what decides a few numbers, one for what fills volumes.

    Parameters
    ----------
    rng
        The same numbers on every device.
    generator
        On the device of the volumes.
    split
        Whose part of the held-out ranges is drawn.
    """

    rng: np.random.Generator
    generator: torch.Generator
    split: Split

    @classmethod
    def of(cls, seed: int, step: int, *, device: torch.device, split: Split) -> Self:
        """Begin a step.

        Parameters
        ----------
        seed, step, split
            The same give the same numbers on the same kind of device.
        device
            Of the volumes.
        """
        rng = np.random.default_rng([seed, step, _SPLITS[split]])
        generator = torch.Generator(device)
        generator.manual_seed(int(rng.integers(2**62)))
        return cls(rng, generator, split)

    @property
    def device(self) -> torch.device:
        """Device of the volumes."""
        return self.generator.device

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        """Draw one number per world.

        Parameters
        ----------
        n
            Worlds.
        low, high
            Range.

        Returns
        -------
            Shape ``(n, 1, 1, 1)``.
        """
        return self.column(self.rng.uniform(low, high, size=n))

    def log_uniform(self, n: int, low: float, high: float) -> Tensor:
        """Draw one number per world, uniform in its logarithm; see ``uniform``."""
        return self.column(np.exp(self.rng.uniform(np.log(low), np.log(high), size=n)))

    def chance(self, n: int, probability: float) -> Tensor:
        """Draw 1 with this probability, else 0, per world; see ``uniform``."""
        return self.column(self.rng.random(n) < probability)

    def apart(self, n: int, low: float, high: float) -> np.ndarray:
        """Draw from the part of a range that belongs to the split.

        Parameters
        ----------
        n
            How many.
        low, high
            The range, of which validation has the middle.

        Returns
        -------
            Shape ``(n,)``.
        """
        fraction = self.rng.uniform(0, 1, size=n)
        first, last = HELD_OUT
        if self.split == 'validation':
            fraction = first + (last - first) * fraction
        else:
            fraction = fraction * (1 - (last - first))
            fraction = np.where(fraction < first, fraction, fraction + (last - first))
        return low + (high - low) * fraction

    def column(self, numbers: np.ndarray) -> Tensor:
        """Put one number per world on the device.

        Parameters
        ----------
        numbers
            Shape ``(n,)``.

        Returns
        -------
            float32, shape ``(n, 1, 1, 1)``.
        """
        return torch.as_tensor(numbers, dtype=torch.float32).to(self.device).view(-1, 1, 1, 1)
