"""Check every file before any compute, and list all that is wrong at once."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.filters import Filters, load_filters
from qsmnet_bids.bidsio.findings import Findings
from qsmnet_bids.bidsio.image_checks import (
    check_grid,
    check_mask,
    check_values,
)
from qsmnet_bids.bidsio.masks import find_mask
from qsmnet_bids.bidsio.metadata import SidecarReader
from qsmnet_bids.bidsio.metadata_checks import (
    FIELD_STRENGTHS,
    echo_times,
    field_strength,
    phase_scale,
    phase_sign,
    shared_metadata,
    stated_b0_dir,
)
from qsmnet_bids.bidsio.query import Run
from qsmnet_bids.bidsio.run_checks import check_completeness, check_presence, name_clash
from qsmnet_bids.bidsio.scan import Scan, scan
from qsmnet_bids.bidsio.segmentations import Segmentation, find_segmentation
from qsmnet_bids.errors import InputError, Problem, SettingsError
from qsmnet_bids.physics.orientation import b0_dir_from_affine, voxel_size_from_affine
from qsmnet_bids.physics.units import phase_scaling

MAX_THREADS = 4
"""Each holds one volume; unpacking gzip is most of the work and runs in parallel."""

NOT_ORIENTED = 'The images have no orientation (qform and sform codes are 0): B0 taken along z'


@dataclass(frozen=True)
class Preflight:
    """What can be processed, and what is in the way of the rest.

    Parameters
    ----------
    acquisitions
        Runs without a problem.
    problems
        Of all other runs and subjects.
    """

    acquisitions: tuple[Acquisition, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Wishes:
    """What the user says about the data."""

    field_strength: float | None
    phase_sign: int | None
    derivatives: Mapping[str, Path]
    mask: str | None
    segmentation: str | None
    filters: Filters


def check(  # noqa: PLR0913 -- what the user may say about the data
    runs: Sequence[Run],
    *,
    bids_dir: Path,
    field_strength: float | None = None,
    phase_sign: int | None = None,
    derivatives: Mapping[str, Path] | None = None,
    mask: str | None = None,
    segmentation: str | None = None,
    filter_file: Path | None = None,
    participant_labels: Sequence[str] = (),
) -> Preflight:
    """Read every image and sidecar of all runs.

    Parameters
    ----------
    runs
        As ``query.find_runs`` gives them.
    bids_dir
        Root of the dataset, where sidecars begin to be inherited.
    field_strength
        T; None to take it from the sidecars.
    phase_sign
        1 or -1; None for 1, and -1 for GE.
    derivatives
        Datasets with masks and segmentations, by name.
    mask
        ``desc`` entity of the masks to take from ``derivatives``; None to compute masks.
    segmentation
        ``desc`` entity of the segmentations to take from ``derivatives``; None for none.
    filter_file
        BIDS filter file, for its ``mask`` and for echoes that it leaves out.
    participant_labels
        Subjects that were asked for: each must have a run.

    Returns
    -------
        A run is among the acquisitions or has at least one problem.
    """
    lowest, highest = FIELD_STRENGTHS
    if field_strength is not None and not lowest <= field_strength <= highest:
        raise SettingsError(
            f'--field-strength: {field_strength:g} T; give tesla, {lowest:g} to {highest:g}'
        )
    filters = load_filters(filter_file)
    wishes = _Wishes(field_strength, phase_sign, derivatives or {}, mask, segmentation, filters)
    images = [path for run in runs for path in (*run.magnitude.values(), *run.phase.values())]
    n_threads = min(MAX_THREADS, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(n_threads) as pool:
        scanned = dict(zip(images, pool.map(_scan, images), strict=True))
    reader = SidecarReader(bids_dir)
    acquisitions: list[Acquisition] = []
    problems = check_presence(runs, participant_labels, bids_dir=bids_dir)
    names = Counter(run.name for run in runs)
    for run in runs:
        result = _check_run(run, scanned, reader, wishes)
        if names[run.name] > 1:
            clash = name_clash(run)
            result = [clash] if isinstance(result, Acquisition) else [clash, *result]
        if isinstance(result, Acquisition):
            acquisitions.append(result)
        else:
            problems += [replace(problem, subject=run.subject) for problem in result]
    return Preflight(tuple(acquisitions), tuple(dict.fromkeys(problems)))


def _scan(path: Path) -> Scan | InputError:
    try:
        return scan(path)
    except InputError as error:
        return error


def _check_run(
    run: Run,
    scanned: Mapping[Path, Scan | InputError],
    reader: SidecarReader,
    wishes: _Wishes,
) -> Acquisition | list[Problem]:
    echoes_are_chosen = 'echo' in {**wishes.filters.magnitude, **wishes.filters.phase}
    problems = check_completeness(run, echoes_are_chosen=echoes_are_chosen)
    findings = Findings(problems)
    images = {number: _images_of(run, number) for number in sorted({*run.magnitude, *run.phase})}
    paths = [path for of_echo in images.values() for path in of_echo]
    scans = {path: findings.attempt(_unwrap, scanned[path]) for path in paths}
    metadata = {path: findings.attempt(reader.read, path) for path in paths}
    phase_is_fine = _check_scans(run, scans, findings)
    fields = {path: each for path, each in metadata.items() if each is not None}
    if len(fields) < len(paths) or not fields:
        return problems
    times = findings.attempt(echo_times, list(images.values()), fields)
    b0 = findings.attempt(field_strength, fields, wishes.field_strength)
    b0_dir = findings.attempt(stated_b0_dir, fields)
    phase = _chosen(scans, run.phase)
    convention = findings.attempt(phase_scale, phase, fields) if phase_is_fine else None
    sign = phase_sign(fields, wishes.phase_sign)
    mask = _provided_mask(run, scans, wishes, findings)
    segmentation = _segmentation(run, wishes, findings)
    if problems or times is None or b0 is None or convention is None:
        return problems
    first = _chosen(scans, run.magnitude)[0]
    slope, intercept = phase_scaling(convention)
    warnings = [b0[1], sign[1], '' if first.is_oriented or b0_dir else NOT_ORIENTED]
    return Acquisition(
        entities=run.entities,
        suffix=run.suffix,
        magnitude=tuple(run.magnitude[number] for number in images),
        phase=tuple(run.phase[number] for number in images),
        echo_times=times,
        b0=b0[0],
        b0_dir=b0_dir or b0_dir_from_affine(first.affine),
        voxel_size=voxel_size_from_affine(first.affine),
        shape=first.shape,
        phase_convention=convention,
        phase_slope=slope,
        phase_intercept=intercept,
        phase_sign=sign[0],
        mask=mask,
        segmentation=segmentation.image if segmentation else None,
        region_names=segmentation.table if segmentation else None,
        metadata=shared_metadata(fields),
        warnings=tuple(warning for warning in warnings if warning),
    )


def _images_of(run: Run, echo: int) -> list[Path]:
    return [images[echo] for images in (run.magnitude, run.phase) if echo in images]


def _unwrap(scanned: Scan | InputError) -> Scan:
    if isinstance(scanned, InputError):
        raise scanned
    return scanned


def _chosen(scans: Mapping[Path, Scan | None], images: Mapping[int, Path]) -> list[Scan]:
    chosen = (scans[images[number]] for number in sorted(images))
    return [item for item in chosen if item is not None]


def _check_scans(run: Run, scans: Mapping[Path, Scan | None], findings: Findings) -> bool:
    """Check grid and values, and tell whether the range of the phase can be judged."""
    magnitude, phase = _chosen(scans, run.magnitude), _chosen(scans, run.phase)
    if magnitude or phase:
        findings.problems += check_grid([*magnitude, *phase], run.subject)
    found = check_values(magnitude, phase, run.subject)
    findings.problems += found
    damaged = {problem.file for problem in found}
    return len(phase) == len(run.phase) > 0 and not damaged & {str(each.path) for each in phase}


def _provided_mask(
    run: Run, scans: Mapping[Path, Scan | None], wishes: _Wishes, findings: Findings
) -> Path | None:
    if wishes.mask is None:
        return None
    path = findings.attempt(
        find_mask,
        run.entities,
        derivatives=wishes.derivatives,
        desc=wishes.mask,
        conditions=wishes.filters.mask,
    )
    mask = findings.attempt(scan, path) if path else None
    magnitude = _chosen(scans, run.magnitude)
    if mask is not None and magnitude:
        findings.problems += check_mask(mask, magnitude[0], run.subject)
    return path


def _segmentation(run: Run, wishes: _Wishes, findings: Findings) -> Segmentation | None:
    if wishes.segmentation is None:
        return None
    return findings.attempt(
        find_segmentation,
        run.entities,
        derivatives=wishes.derivatives,
        desc=wishes.segmentation,
    )
