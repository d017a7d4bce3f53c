"""Calls in processes of their own, so that time and peak memory belong to one call."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

Result = TypeVar('Result')


@dataclass(frozen=True)
class Measured(Generic[Result]):
    """What a call gave, and what it cost.

    Parameters
    ----------
    value
        The result.
    seconds
        Wall time of the call alone.
    peak_gb
        Most memory that the process ever held, interpreter, libraries and input included, GB.
    """

    value: Result
    seconds: float
    peak_gb: float


def measure(call: Callable[..., Result], *args: object) -> Measured[Result]:
    """Call a function in a new process.

    Parameters
    ----------
    call
        A function of a module.
    args
        Its arguments, which must be picklable, as its result must.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context('spawn')) as pool:
        return pool.submit(_timed, call, *args).result()


def _timed(call: Callable[..., Result], *args: object) -> Measured[Result]:
    start = time.perf_counter()
    value = call(*args)
    seconds = time.perf_counter() - start
    return Measured(value, seconds, _peak_gb())


def _peak_gb() -> float:
    # getrusage would count what the parent held when it started this process
    kibibytes = re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())
    if kibibytes is None:
        raise OSError('/proc/self/status has no VmHWM; peak memory can be measured on Linux only')
    return int(kibibytes[1]) * 1024 / 1e9
