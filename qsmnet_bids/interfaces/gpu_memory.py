"""The memory of a GPU, of which other programs may use a part."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuMemory:
    """What a GPU has.

    Parameters
    ----------
    free, total
        GiB.
    """

    free: float
    total: float
