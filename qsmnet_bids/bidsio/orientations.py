"""Runs that are orientations of one head: which go together, and what is in the way."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.preflight import Preflight
from qsmnet_bids.errors import Problem

LEAST = 2


def join_orientations(preflight: Preflight) -> Preflight:
    """Make one acquisition of all runs of each subject.

    It is the first run, by name, under the entities that all have in common, and knows the others.

    Parameters
    ----------
    preflight
        Of single runs.

    Returns
    -------
        Subjects with fewer than two runs, or with runs on different grids, have a problem.
    """
    joined: list[Acquisition] = []
    problems = list(preflight.problems)
    ordered = sorted(preflight.acquisitions, key=lambda run: (run.subject, run.name))
    for _, group in groupby(ordered, key=lambda run: run.subject):
        runs = tuple(group)
        found = list(_problems(runs))
        problems += found
        if not found:
            entities = {
                key: value
                for key, value in runs[0].entities.items()
                if all(run.entities.get(key) == value for run in runs)
            }
            joined.append(replace(runs[0], entities=entities, orientations=runs))
    return Preflight(tuple(joined), tuple(problems))


def _problems(runs: Sequence[Acquisition]) -> Sequence[Problem]:
    first = runs[0]
    if len(runs) < LEAST:
        return [
            Problem(
                str(first.magnitude[0]),
                'orientations',
                f'{len(runs)} usable run of this subject',
                'cosmos needs runs in at least 2 orientations of the head, better 3: take another '
                '--inversion, or select all of them with --bids-filter-file',
                first.subject,
            )
        ]
    return [
        Problem(
            str(run.magnitude[0]),
            'shape',
            f'{_grid(run)}, but {first.magnitude[0].name} has {_grid(first)}',
            'orientations must have one matrix and voxel size: leave this run out by '
            '--bids-filter-file, or resample it beforehand',
            run.subject,
        )
        for run in runs[1:]
        if not _is_on_grid(run, first)
    ]


def _is_on_grid(run: Acquisition, first: Acquisition) -> bool:
    sizes = zip(run.voxel_size, first.voxel_size, strict=True)
    return run.shape == first.shape and all(abs(a - b) < 1e-3 * b for a, b in sizes)


def _grid(run: Acquisition) -> str:
    shape = ' x '.join(str(n) for n in run.shape)
    return f'{shape} voxels of {" x ".join(f"{size:.3g}" for size in run.voxel_size)} mm'
