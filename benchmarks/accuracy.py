"""Accuracy of every method: of its own stage from the true input, and of whole chains."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import torch

from benchmarks.errors import add_error
from benchmarks.heads import Case, Head, Quality, judge, simulate_head
from benchmarks.process import Measured, measure
from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.referencing import reference
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, MultiEcho, TotalField
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS
from qsmnet_bids.weights.cards import is_one_step

Field = TypeVar('Field', TotalField, LocalField)
Stage = Literal['fieldmap', 'background', 'inversion', 'chain']
STAGES: tuple[Stage, ...] = ('fieldmap', 'background', 'inversion', 'chain')
MOST_NOISE = 10.0
"""Of a voxel, relative to the median one."""


@dataclass(frozen=True)
class Plan:
    """What is measured; empty for all methods there are.

    Parameters
    ----------
    stages
        ``fieldmap``, ``background`` and ``inversion`` from the true input of the stage, ``chain``
        from the echoes, with the mask that is found there.
    unwrappings, fieldmaps, backgrounds, inversions
        Names of methods. A chain takes the first unwrapping and fieldmap.
    field_noise
        Added to the true fields, median of its standard deviation over the brain, ppm; a voxel's
        own goes with the inverse of its magnitude.
    told_noise
        Share of that deviation that methods are told of; in living heads much of the error is
        none that a fit can know.
    untold_error
        Added to the true local field, its standard deviation over the field's, of which methods
        are told nothing.
    error_widths
        Of its parts, as ``errors.add_error`` has them.
    n_threads
        Of each process; None for as many as there are cores.
    """

    stages: tuple[Stage, ...] = STAGES
    unwrappings: tuple[str, ...] = ()
    fieldmaps: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    inversions: tuple[str, ...] = ()
    field_noise: float = 0.0
    told_noise: float = 1.0
    untold_error: float = 0.0
    error_widths: tuple[float, ...] = (0.0,)
    n_threads: int | None = None


@dataclass(frozen=True)
class Row:
    """One method, or one chain of methods, on one acquisition.

    Parameters
    ----------
    case
        The acquisition.
    stage
        One of ``STAGES``.
    method
        Its name, or those of the chain.
    quality
        Of the field or map; what needs a segmentation is nan for fields.
    seconds, peak_gb
        Of the last step, in a process of its own.
    converged
        Whether it did; empty where nothing iterates.
    """

    case: str
    stage: Stage
    method: str
    quality: Quality
    seconds: float
    peak_gb: float
    converged: str


def accuracy(
    cases: Sequence[Case], plan: Plan, *, simulator: Callable[[Case], Head] = simulate_head
) -> Iterator[Row]:
    """Measure, one row after the other.

    Parameters
    ----------
    cases
        Acquisitions to simulate.
    plan
        What to measure on each.
    simulator
        Makes them.
    """
    for case in cases:
        head = simulator(case)
        local = add_noise(head.local, plan.field_noise, case.seed, told=plan.told_noise)
        noisy = replace(
            head,
            total=add_noise(head.total, plan.field_noise, case.seed, told=plan.told_noise),
            local=add_error(local, plan.untold_error, plan.error_widths, case.seed),
        )
        for stage in plan.stages:
            for method, done, quality in _MEASURES[stage](noisy, head, plan):
                yield Row(
                    case.name,
                    stage,
                    method,
                    quality,
                    done.seconds,
                    done.peak_gb,
                    _converged(done.value),
                )


Result = tuple[str, Measured[TotalField] | Measured[LocalField] | Measured[ChiMap], Quality]


def _fieldmaps(noisy: Head, head: Head, plan: Plan) -> Iterator[Result]:
    for unwrapping in plan.unwrappings or tuple(UNWRAPPINGS):
        for fieldmap in plan.fieldmaps or tuple(FIELDMAPS):
            done = measure(fit, noisy.echoes, head.mask, fieldmap, unwrapping, plan.n_threads)
            yield f'{unwrapping} + {fieldmap}', done, _judge_field(done.value, head.total, head)


def _backgrounds(noisy: Head, head: Head, plan: Plan) -> Iterator[Result]:
    for method in plan.backgrounds or tuple(BACKGROUNDS):
        done = measure(remove, noisy.total, method, plan.n_threads)
        yield method, done, _judge_field(done.value, head.local, head)


def _inversions(noisy: Head, head: Head, plan: Plan) -> Iterator[Result]:
    names = [n for n in plan.inversions or tuple(INVERSIONS) if not is_one_step(n)]
    if names:  # those of one step have no true input of their own here
        yield from _inverted(noisy.local, '', head, replace(plan, inversions=tuple(names)))


def _chains(noisy: Head, head: Head, plan: Plan) -> Iterator[Result]:
    unwrapping = (plan.unwrappings or tuple(UNWRAPPINGS))[0]
    fieldmap = (plan.fieldmaps or tuple(FIELDMAPS))[0]
    mask = MASKINGS['combined'](noisy.echoes)
    total = fit(noisy.echoes, mask, fieldmap, unwrapping, plan.n_threads)
    for background in plan.backgrounds or tuple(BACKGROUNDS):
        local = remove(total, background, plan.n_threads)
        yield from _inverted(local, f'{unwrapping} + {background} + ', head, plan)


def _inverted(local: LocalField, prefix: str, head: Head, plan: Plan) -> Iterator[Result]:
    for method in plan.inversions or tuple(INVERSIONS):
        done = measure(invert, local, method, plan.n_threads)
        volumes = (done.value.chi, done.value.mask, head.chi, head.mask, head.labels)
        yield prefix + method, done, judge(*(volume.cpu().numpy() for volume in volumes))


_MEASURES: dict[Stage, Callable[[Head, Head, Plan], Iterator[Result]]] = {
    'fieldmap': _fieldmaps,
    'background': _backgrounds,
    'inversion': _inversions,
    'chain': _chains,
}


def _judge_field(
    found: TotalField | LocalField, truth: TotalField | LocalField, head: Head
) -> Quality:
    volumes = (found.field, found.mask, truth.field, head.mask)
    return judge(*(volume.cpu().numpy() for volume in volumes))


def add_noise(field: Field, level: float, seed: int, *, told: float = 1.0) -> Field:
    """Add noise to a field, more where the magnitude is low.

    Parameters
    ----------
    field
        With its magnitude.
    level
        Median of the noise's standard deviation over the mask, ppm; 0 for none.
    seed
        Of the noise.
    told
        Share of the deviation that is said to be there.
    """
    if not level or field.magnitude is None:
        return field
    relative = field.magnitude / field.magnitude[field.mask].median()
    noise = (level / relative.clamp(min=1 / MOST_NOISE)) * field.mask
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(field.field.shape, generator=generator) * noise
    return replace(field, field=field.field + drawn, noise=told * noise)


def fit(
    echoes: MultiEcho, mask: Mask, fieldmap: str, unwrapping: str, n_threads: int | None
) -> TotalField:
    """Fit the total field by two methods.

    Parameters
    ----------
    echoes, mask
        What to fit, and where.
    fieldmap, unwrapping
        Names of the methods.
    n_threads
        Of this process; None for as many as there are cores.
    """
    limit(n_threads)
    return FIELDMAPS[fieldmap](echoes, mask=mask, unwrapping=unwrapping)


def remove(total: TotalField, method: str, n_threads: int | None) -> LocalField:
    """Remove the background by a method.

    Parameters
    ----------
    total
        Field to split.
    method
        Its name.
    n_threads
        Of this process; None for as many as there are cores.
    """
    limit(n_threads)
    return BACKGROUNDS[method](total)


def invert(local: LocalField, method: str, n_threads: int | None) -> ChiMap:
    """Invert the dipole by a method; the map's mean over its mask is zero.

    Parameters
    ----------
    local
        Field to invert.
    method
        Its name.
    n_threads
        Of this process; None for as many as there are cores.
    """
    limit(n_threads)
    return reference(INVERSIONS[method](local), region='mask')


def limit(n_threads: int | None) -> None:
    """Set this process's threads.

    Parameters
    ----------
    n_threads
        Of this process; None for as many as there are cores.
    """
    if n_threads is not None:
        torch.set_num_threads(n_threads)


def _converged(result: object) -> str:
    convergence = getattr(result, 'convergence', None)
    if convergence is None:
        return ''
    return 'yes' if convergence.converged else f'no ({convergence.relative_residual:.2g})'
