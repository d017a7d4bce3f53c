"""Write a run into the output dataset: its maps first, its record last."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import nibabel as nib
import numpy as np

from qsmnet_bids.bidsio import sidecars
from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.atomic import write_json
from qsmnet_bids.bidsio.derivatives import derivative_path, uncertainty_label
from qsmnet_bids.bidsio.nifti import open_image, write_image
from qsmnet_bids.reports.methods import bibliography

RELAXATION: tuple[tuple[str, sidecars.Quantity], ...] = (
    ('r2star', 'R2starmap'),
    ('t2star', 'T2starmap'),
    ('s0', 'S0map'),
)
FIELDS: tuple[sidecars.FieldKind, ...] = ('total', 'local')
WEIGHTED: tuple[sidecars.WeightedKind, ...] = ('swi', 'minip')


@dataclass(frozen=True)
class Origin:
    """Where a run comes from and where its maps go.

    Parameters
    ----------
    acquisition
        The run.
    bids_dir, output_dir
        Roots of the raw and the output dataset.
    """

    acquisition: Acquisition
    bids_dir: Path
    output_dir: Path

    def path(self, *, suffix: str, desc: str | None = None, datatype: str = 'anat') -> Path:
        """Name one of the run's images."""
        entities = self.acquisition.entities
        return derivative_path(
            self.output_dir, entities, suffix=suffix, desc=desc, datatype=datatype
        )


@dataclass(frozen=True)
class Outcome:
    """What the stages made of a run.

    Parameters
    ----------
    maps
        Arrays in the work folder; ``mask`` and ``chi`` are needed.
    steps
        As ``Step.as_dict`` gives them, in order.
    quality
        Measures of the susceptibility map.
    weights
        Name and sha256 of a network; None without one.
    """

    MAPS: ClassVar = (
        'mask',
        'chi',
        'r2star',
        't2star',
        's0',
        'uncertainty',
        'total',
        'local',
        'swi',
        'minip',
    )

    maps: Mapping[str, Path]
    steps: Sequence[Mapping[str, object]]
    quality: Mapping[str, float]
    weights: Mapping[str, str] | None = field(default=None)

    def method(self, stage: str) -> str:
        """Tell the method of a stage."""
        return str(self.step(stage)['method'])

    def step(self, stage: str) -> Mapping[str, object]:
        """Give the record of a stage."""
        return next(step for step in self.steps if step['stage'] == stage)

    def labels(self) -> tuple[int, ...]:
        """Give the labels of the reference region, if it is one of a segmentation."""
        parameters = self.step('referencing').get('parameters')
        words = str(parameters.get('labels', '')) if isinstance(parameters, Mapping) else ''
        return tuple(int(word) for word in words.split())


def write_run(origin: Origin, outcome: Outcome) -> list[Path]:
    """Write all derivatives of a run.

    The sidecar of the susceptibility map comes last: where it is, the run is whole.

    Parameters
    ----------
    origin
        Of the run.
    outcome
        Of its stages.

    Returns
    -------
        The files.
    """
    written = [
        *_mask(origin, outcome),
        *_relaxation(origin, outcome),
        *_fields(origin, outcome),
        *_weighted(origin, outcome),
        *_uncertainty(origin, outcome),
    ]
    inversion = outcome.method('inversion')
    path = origin.path(suffix='Chimap', desc=inversion.replace('_', ''))
    run_time = sum(s for step in outcome.steps if isinstance(s := step['seconds'], float))
    known = bibliography().get(inversion)
    record = sidecars.Reconstructed(
        inversion=inversion,
        algorithm=known.description if known else inversion,
        reference=known.citation if known else '',
        steps=outcome.steps,
        reference_region=outcome.method('referencing'),
        reference_labels=outcome.labels(),
        quality={**outcome.quality, 'run_time_s': run_time},
        weights=outcome.weights,
    )
    sidecar = sidecars.chimap(origin.acquisition, record, bids_dir=origin.bids_dir)
    return [*written, *_write(path, np.load(outcome.maps['chi']), sidecar, origin)]


def _mask(origin: Origin, outcome: Outcome) -> Iterator[Path]:
    method = outcome.method('masking')
    sidecar = sidecars.mask(origin.acquisition, method=method, bids_dir=origin.bids_dir)
    mask = np.load(outcome.maps['mask'])
    yield from _write(origin.path(suffix='mask', desc='brain'), mask, sidecar, origin)


def _relaxation(origin: Origin, outcome: Outcome) -> Iterator[Path]:
    for name, suffix in RELAXATION:
        if name in outcome.maps:
            sidecar = sidecars.relaxation_map(
                origin.acquisition,
                suffix,
                reference=bibliography()['relaxometry'].citation,
                bids_dir=origin.bids_dir,
            )
            path = origin.path(suffix=suffix)
            yield from _write(path, np.load(outcome.maps[name]), sidecar, origin)


def _fields(origin: Origin, outcome: Outcome) -> Iterator[Path]:
    """Write the fields that were asked for, each with the magnitude that BIDS wants beside it."""
    acquisition, bids_dir = origin.acquisition, origin.bids_dir
    methods = {'total': 'fieldmap', 'local': 'background'}
    for kind in FIELDS:
        if kind in outcome.maps:
            sidecar = sidecars.field_map(
                acquisition, kind, method=outcome.method(methods[kind]), bids_dir=bids_dir
            )
            path = origin.path(suffix='fieldmap', desc=kind, datatype='fmap')
            yield from _write(path, np.load(outcome.maps[kind]), sidecar, origin)
            path = origin.path(suffix='magnitude', desc=kind, datatype='fmap')
            sidecar = sidecars.field_magnitude(acquisition, bids_dir=bids_dir)
            yield from _write(path, _combined_magnitude(acquisition), sidecar, origin)


def _weighted(origin: Origin, outcome: Outcome) -> Iterator[Path]:
    for kind in WEIGHTED:
        if kind in outcome.maps:
            sidecar = sidecars.weighted(
                origin.acquisition,
                kind,
                step=outcome.step('weighting'),
                reference=bibliography()['swi'].citation,
                bids_dir=origin.bids_dir,
            )
            path = origin.path(suffix='T2starw', desc=kind)
            yield from _write(path, np.load(outcome.maps[kind]), sidecar, origin)


def _uncertainty(origin: Origin, outcome: Outcome) -> Iterator[Path]:
    if 'uncertainty' not in outcome.maps:
        return
    inversion = outcome.method('inversion')
    sidecar = sidecars.uncertainty_map(
        origin.acquisition,
        inversion=inversion,
        steps=[step for step in outcome.steps if str(step['stage']).endswith('uncertainty')],
        reference=bibliography()['uncertainty'].citation,
        bids_dir=origin.bids_dir,
    )
    path = origin.path(suffix='Chimap', desc=uncertainty_label(inversion))
    yield from _write(path, np.load(outcome.maps['uncertainty']), sidecar, origin)


def _combined_magnitude(acquisition: Acquisition) -> np.ndarray:
    return np.sqrt(sum(_read(path).astype(np.float64) ** 2 for path in acquisition.magnitude))


def _read(path: Path) -> np.ndarray:
    image: nib.Nifti1Image = open_image(path)
    return np.asarray(image.dataobj).reshape(image.shape[:3])


def _write(
    path: Path, array: np.ndarray, sidecar: sidecars.Sidecar, origin: Origin
) -> tuple[Path, Path]:
    """Write an image on the grid of the input, and its sidecar after it."""
    beside = path.with_name(path.name.removesuffix('.nii.gz') + '.json')
    write_image(path, array, like=origin.acquisition.magnitude[0])
    write_json(beside, sidecar)
    return path, beside
