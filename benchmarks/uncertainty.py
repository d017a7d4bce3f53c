"""Whether the errors of maps lie within their uncertainty as often as they should."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.accuracy import add_noise, fit, limit, remove
from benchmarks.heads import NUCLEUS_LABELS, Case, Head, simulate_head
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.phantom.anatomy import BLOOD_LABEL, GREY_LABEL, WHITE_LABEL
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, Volume
from qsmnet_bids.uncertainty import ensemble
from qsmnet_bids.weights.cards import is_one_step, uncertainty_factor

ONE_SIGMA = 0.6827
REGIONS: dict[str, tuple[int, ...]] = {
    'brain': (),
    'tissue': (GREY_LABEL, WHITE_LABEL),
    'nuclei': NUCLEUS_LABELS,
    'veins': (BLOOD_LABEL,),
}
"""Labels of each; the brain has all."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Parameters
    ----------
    inversions
        Names of methods.
    field_noises
        Added to the true local field, median of its standard deviation over the brain, ppm.
    backgrounds
        Methods by which the local field is found from the echoes instead; their noise is that of
        the echoes.
    n_members
        Of each ensemble.
    model_error
        Whether it counts.
    n_threads
        Of this process; None for as many as there are cores.
    """

    inversions: tuple[str, ...]
    field_noises: tuple[float, ...] = (0.001, 0.003)
    backgrounds: tuple[str, ...] = ()
    n_members: int = 8
    model_error: bool = True
    n_threads: int | None = None


@dataclass(frozen=True)
class Row:
    """One method in one region of one head.

    Parameters
    ----------
    case
        The acquisition.
    seed
        Of the head.
    field
        The noise added to the true local field in ppm, or how it was found from the echoes.
    method
        Of the inversion.
    region
        One of ``REGIONS``.
    error_ppm, uncertainty_ppm
        Medians over its voxels, of the error's size and of the uncertainty.
    within_1, within_2
        Share of the voxels whose error is at most 1 and 2 times the uncertainty; 0.683 and 0.954
        for Gaussian errors.
    correlation
        Of uncertainty and the error's size, by ranks.
    told_apart
        Root mean square of the error in the tenth of the voxels with the greatest uncertainty,
        over that in the tenth with the smallest.
    factor
        By which the uncertainty would have to be multiplied for ``within_1`` to be 0.683.
    fitted_1, fitted_2
        The shares after a multiplication by the factor of the brain of the method's first row.
    rmse, rmse_mean
        Of the map, and of the mean of the ensemble, ppm.
    """

    case: str
    seed: int
    field: str
    method: str
    region: str
    error_ppm: float
    uncertainty_ppm: float
    within_1: float
    within_2: float
    correlation: float
    told_apart: float
    factor: float
    fitted_1: float
    fitted_2: float
    rmse: float
    rmse_mean: float


def uncertainty(
    cases: Sequence[Case], plan: Plan, *, simulator: Callable[[Case], Head] = simulate_head
) -> Iterator[Row]:
    """Measure, one row after the other; the first head and field fit the factors of all.

    Parameters
    ----------
    cases
        Acquisitions to simulate.
    plan
        What to measure on each.
    simulator
        Makes them.
    """
    limit(plan.n_threads)
    factors: dict[str, float] = {}
    for case in cases:
        head = simulator(case)
        for name, local in _fields(head, case, plan):
            for method in plan.inversions:
                found = _measure(head, local, method, plan)
                factors.setdefault(method, float(np.quantile(_ratios(found), ONE_SIGMA)))
                for region, labels in REGIONS.items():
                    inside = found.within(labels)
                    if bool(inside.mask.any()):  # coarse voxels hold no veins
                        yield _row(case, name, method, region, inside, factors[method])


@dataclass(frozen=True)
class _Found:
    error: Volume
    mean_error: Volume
    deviation: Volume
    mask: Mask
    labels: Tensor

    def within(self, labels: tuple[int, ...]) -> '_Found':
        inside = self.mask & torch.isin(self.labels, torch.tensor(labels)) if labels else self.mask
        return replace(self, mask=inside)

    def values(self, volume: Volume) -> np.ndarray:
        return volume[self.mask].double().numpy()


def _fields(head: Head, case: Case, plan: Plan) -> Iterator[tuple[str, LocalField]]:
    for level in plan.field_noises:
        yield f'{level:g}', add_noise(head.local, level, case.seed)
    if plan.backgrounds:
        mask = MASKINGS['combined'](head.echoes)
        total = fit(head.echoes, mask, 'weighted_mean', 'romeo', plan.n_threads)
        for background in plan.backgrounds:
            yield f'romeo + {background}', remove(total, background, plan.n_threads)


def _measure(head: Head, local: LocalField, method: str, plan: Plan) -> _Found:
    invert = partial(_invert, INVERSIONS[method])
    if not is_one_step(method):
        local = replace(local, removed=None)
    told = ensemble(
        local,
        method=invert,
        n_members=plan.n_members,
        model_error=plan.model_error,
        factor=uncertainty_factor(method),
    )
    # brought to the same zero where both are known
    both = local.mask & head.mask
    errors = (volume - head.chi for volume in (invert(local), told.mean))
    error, mean_error = (each - each[both].mean() for each in errors)
    return _Found(error, mean_error, told.deviation, both, head.labels)


def _invert(method: Callable[..., ChiMap], local: LocalField) -> Volume:
    return method(local).chi


def _ratios(found: _Found) -> np.ndarray:
    deviation = found.values(found.deviation)
    return np.abs(found.values(found.error)) / np.maximum(deviation, 1e-9)


def _row(case: Case, name: str, method: str, region: str, found: _Found, factor: float) -> Row:
    size, deviation = np.abs(found.values(found.error)), found.values(found.deviation)
    ratios, order, tenth = _ratios(found), deviation.argsort(), max(1, len(size) // 10)
    return Row(
        case=case.name,
        seed=case.seed,
        field=name,
        method=method,
        region=region,
        error_ppm=float(np.median(size)),
        uncertainty_ppm=float(np.median(deviation)),
        within_1=float((ratios <= 1).mean()),
        within_2=float((ratios <= 2).mean()),
        correlation=float(np.corrcoef(_ranks(size), _ranks(deviation))[0, 1]),
        told_apart=_rms(size[order[-tenth:]]) / _rms(size[order[:tenth]]),
        factor=float(np.quantile(ratios, ONE_SIGMA)),
        fitted_1=float((ratios <= factor).mean()),
        fitted_2=float((ratios <= 2 * factor).mean()),
        rmse=_rms(size),
        rmse_mean=_rms(found.values(found.mean_error)),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def _ranks(values: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(values))
    ranks[values.argsort()] = np.arange(len(values))
    return ranks
