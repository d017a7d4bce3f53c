"""What the worker of a node asks of a GPU before the node begins."""

from collections.abc import Callable

import torch

from qsmnet_bids.interfaces.gpu_memory import GpuMemory


def memory_of(device: str) -> Callable[[], GpuMemory] | None:
    """Give what reads the memory of the GPU on which a node will compute.

    Parameters
    ----------
    device
        ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.

    Returns
    -------
        None if it will compute on the CPU, or if there is no such GPU.
    """
    index = int(device.partition(':')[2] or 0)
    if device == 'cpu' or index >= torch.cuda.device_count():
        return None

    def look() -> GpuMemory:
        free, total = torch.cuda.mem_get_info(index)
        return GpuMemory(free / 2**30, total / 2**30)

    return look
