"""Voxels that a field fit gets wrong, for several sets of echo times."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.accuracy import fit
from benchmarks.heads import Case, simulate_head
from qsmnet_bids.fieldmap import METHODS

ECHO_TIMES_MS = (
    (4.0, 12.0, 20.0, 28.0),
    (4.0, 9.0, 17.0),
    (4.0, 12.0),
    (4.0, 8.0, 12.0, 16.0, 20.0, 24.0),
    (10.0, 20.0, 30.0),
)
FAR_PPM = 0.05
FAR_DEVIATIONS = 5.0


@dataclass(frozen=True)
class Row:
    """One method with one set of echo times, with the true mask.

    Parameters
    ----------
    echo_times
        ms.
    method
        Its name.
    n_voxels
        Of the mask.
    n_wrong
        Voxels off by more than 0.05 ppm, the median error taken off.
    n_untold
        Those of them that are off by more than five times the noise that they are said to have.
    rmse
        ppm.
    seconds
        Of processor time.
    """

    echo_times: str
    method: str
    n_voxels: int
    n_wrong: int
    n_untold: int
    rmse: float
    seconds: float


def fits(
    case: Case,
    methods: Sequence[str] = (),
    *,
    unwrapping: str = 'romeo',
    n_threads: int | None = None,
) -> Iterator[Row]:
    """Fit the field of a simulated head.

    Parameters
    ----------
    case
        The head; its echo times are replaced.
    methods
        Of fitting; empty for all.
    unwrapping
        Name of the method.
    n_threads
        None for as many as there are cores.
    """
    for times in ECHO_TIMES_MS:
        head = simulate_head(replace(case, echo_times=tuple(each / 1000 for each in times)))
        inside = head.mask
        for method in methods or tuple(METHODS):
            start = time.process_time()
            total = fit(head.echoes, inside, method, unwrapping, n_threads)
            seconds = time.process_time() - start
            error = (total.field - head.total.field)[inside]
            error = error - error.median()
            wrong = error.abs() > FAR_PPM
            untold = wrong & (error.abs() > FAR_DEVIATIONS * total.noise[inside])
            yield Row(
                ', '.join(f'{each:g}' for each in times),
                method,
                len(error),
                int(wrong.sum()),
                int(untold.sum()),
                float(error.square().mean().sqrt()),
                seconds,
            )
