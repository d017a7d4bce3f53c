"""Which GPU a step gets, and how long it waits there for memory that others use."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from qsmnet_bids.interfaces.gpu_memory import GpuMemory

PATIENCE = 1800.0
"""Seconds that a step waits at most for free memory on its GPU; then it goes on as it can."""

PAUSE = 5.0
"""Seconds from one look at the free memory to the next."""

MOST = 0.8
"""Part of a GPU's memory that a step waits for at most: a little is always in use."""


def choose_gpu(gpus: Sequence[str], *, busy: Iterable[str | None]) -> str:
    """Choose the GPU with the fewest steps, the first of several.

    Parameters
    ----------
    gpus
        Names of all, at least one.
    busy
        The GPU of each step that runs; None for those on the CPU.

    >>> choose_gpu(('0', '1'), busy=['0', None])
    '1'
    """
    n_steps = Counter(busy)
    return min(gpus, key=lambda name: n_steps[name])


def wait_for_memory(
    needed_gb: float,
    *,
    look: Callable[[], GpuMemory],
    tell: Callable[[str], None],
    patience: float = PATIENCE,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait while a GPU has less free memory than a step needs, as others compute on it.

    Parameters
    ----------
    needed_gb
        GiB; of a GPU that has less in all, ``MOST`` of it is waited for.
    look
        Reads the memory.
    tell
        Takes a sentence for the log; called only if there is a wait, and at its end.
    patience
        s; after it the step goes on all the same.
    pause, clock
        Of the system.

    Returns
    -------
        Whether there is enough now.
    """
    start = clock()
    memory = look()
    wanted = min(needed_gb, MOST * memory.total)
    if memory.free >= wanted:
        return True
    tell(f'waits for {wanted:.1f} GB of GPU memory, of which {memory.free:.1f} GB are free')
    while memory.free < wanted:
        left = patience - (clock() - start)
        if left <= 0:
            tell(f'goes on after {patience:.0f} s with {memory.free:.1f} GB of GPU memory free')
            return False
        pause(min(PAUSE, left))
        memory = look()
    tell(f'goes on after {clock() - start:.0f} s with {memory.free:.1f} GB of GPU memory free')
    return True
