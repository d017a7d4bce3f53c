"""What every source of training data gives."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from qsmnet_bids.networks.sample import Sample

Task = Literal['dipole', 'background', 'onestep']
"""Local field to susceptibility; total field to local field; total field to susceptibility."""


@dataclass(frozen=True)
class Batch:
    """What a network is given in one step, and what it should answer.

    Parameters
    ----------
    sample
        Fields with what is known of them.
    label
        Susceptibility, or the local field where the task is background removal, ppm; zero outside
        the mask; shape ``(n, 1, x, y, z)``.
    """

    sample: Sample
    label: Tensor


class Source(Protocol):
    """A stream of training data; a frozen dataclass whose fields a recipe can hold."""

    def batch(self, *, seed: int, step: int, size: int, device: torch.device) -> Batch:
        """Make the samples of one training step.

        Parameters
        ----------
        seed, step
            The same pair gives the same batch on the same kind of device.
        size
            Samples in the batch.
        device
            Where the batch is made and stays.
        """
