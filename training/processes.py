"""The processes that train together: each makes its own samples, and gradients are averaged."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Processes:
    """One process among the others.

    Parameters
    ----------
    rank
        Number of this one, from 0.
    count
        How many there are.
    device
        What this one computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes.

        Parameters
        ----------
        parameters
            The same in all processes.
        """
        if self.count == 1:
            return
        gradients = [one.grad for one in parameters if one.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def mean(self, values: Tensor) -> Tensor:
        """Average over the processes.

        Parameters
        ----------
        values
            One per quantity.
        """
        if self.count > 1:
            distributed.all_reduce(values)
            values /= self.count
        return values

    def gathered(self, values: Tensor) -> Tensor:
        """Put the values of all processes together, in the order of their ranks.

        Parameters
        ----------
        values
            Along the first axis; of the same shape in all processes.
        """
        if self.count == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.count)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def agree(self, *flags: bool) -> list[bool]:
        """Tell which flags hold in any of the processes, so that all do the same.

        Parameters
        ----------
        flags
            Of this process, in the same order in each.
        """
        if self.count == 1:
            return list(flags)
        found = torch.tensor([float(flag) for flag in flags], device=self.device)
        distributed.all_reduce(found)
        return [value > 0 for value in found.tolist()]


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started, or be the only one.

    Parameters
    ----------
    device
        CPU, or CUDA: then each process of a machine takes a GPU of its own.
    """
    count = int(os.environ.get('WORLD_SIZE', '1'))
    if device.type == 'cuda':
        device = torch.device('cuda', int(os.environ.get('LOCAL_RANK', device.index or 0)))
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(0, 1, device)
        return
    distributed.init_process_group('nccl' if device.type == 'cuda' else 'gloo')
    try:
        yield Processes(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()
