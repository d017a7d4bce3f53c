"""What can be wrong with a run before any of its files is opened."""

from collections.abc import Sequence
from pathlib import Path

from qsmnet_bids.bidsio.names import ENTITY_ORDER, is_label
from qsmnet_bids.bidsio.query import Run
from qsmnet_bids.errors import Problem

MAX_ECHOES = 1000


def check_presence(
    runs: Sequence[Run], participant_labels: Sequence[str], *, bids_dir: Path
) -> list[Problem]:
    """Look for subjects without a run.

    Parameters
    ----------
    runs
        As found.
    participant_labels
        Subjects that were asked for.
    bids_dir
        Root of the dataset.
    """
    labels = [label.removeprefix('sub-') for label in participant_labels]
    present = {run.subject for run in runs}
    return [
        Problem(
            str(bids_dir / f'sub-{label}'),
            'images',
            'no multi-echo gradient-echo run found',
            'name the images like '
            f'sub-{label}_echo-1_part-phase_MEGRE.nii.gz, or use a BIDS filter file',
            label,
        )
        for label in dict.fromkeys(labels)
        if label not in present
    ]


def name_clash(run: Run) -> Problem:
    """Say that two runs would write the same results.

    Parameters
    ----------
    run
        One of them.
    """
    return Problem(
        str(_any_image(run)),
        'suffix',
        f'{run.suffix}, and there is a run of another suffix with the name {run.name}',
        'their results would have the same names: choose one suffix by a BIDS filter file',
        run.subject,
    )


def check_completeness(run: Run, *, echoes_are_chosen: bool = False) -> list[Problem]:
    """Look for missing images, images without a place, and labels that cannot be written again.

    Parameters
    ----------
    run
        As found.
    echoes_are_chosen
        Whether a filter chose echoes by number, so that gaps are meant.
    """
    problems = [
        Problem(
            str(path),
            'echo',
            'not a number, or a second image for the same echo',
            'rename or remove it, or choose one by a BIDS filter file',
            run.subject,
        )
        for path in run.unclear
    ]
    example = _any_image(run)
    problems += [
        Problem(
            str(example), key, repr(value), 'use letters and digits only in labels', run.subject
        )
        for key, value in run.entities.items()
        if not is_label(value)
    ]
    problems += [
        Problem(str(example), key, 'not an entity of BIDS', 'rename or remove it', run.subject)
        for key in run.entities
        if key not in ENTITY_ORDER
    ]
    echoes = sorted(run.magnitude.keys() | run.phase.keys())
    last = max(echoes, default=0)
    if last > MAX_ECHOES:
        found = f'the number {last}'
        remedy = f'number the echoes from 1, to at most {MAX_ECHOES}'
        return [*problems, Problem(str(example), 'echo', found, remedy, run.subject)]
    expected = echoes if echoes_are_chosen else list(range(1, last + 1))
    return problems + _missing_images(run, example, expected)


def _missing_images(run: Run, example: Path, expected: list[int]) -> list[Problem]:
    if not expected:
        return []
    for part, key, images in (
        ('magnitude', 'mag', run.magnitude),
        ('phase', 'phase', run.phase),
    ):
        if not images:
            remedy = f'add part-{key} images, or say what stands for them in a BIDS filter file'
            return [Problem(str(example), f'part-{key}', f'no {part} image', remedy, run.subject)]
    problems = []
    for echo in expected:
        missing = [
            part
            for part, images in (('mag', run.magnitude), ('phase', run.phase))
            if echo not in images
        ]
        if missing:
            parts = ' and '.join(f'part-{part}' for part in missing)
            found = f'echo {echo} of {expected[-1]} is missing ({parts})'
            remedy = 'add the missing image, or number the echoes without a gap'
            problems.append(Problem(str(example), 'echo', found, remedy, run.subject))
    return problems


def _any_image(run: Run) -> Path:
    return next(iter((*run.magnitude.values(), *run.phase.values(), *run.unclear)))
