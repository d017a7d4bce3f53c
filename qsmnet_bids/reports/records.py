"""Read what a run left behind: the sidecar of its susceptibility map."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qsmnet_bids.bidsio.derivatives import UNCERTAINTY
from qsmnet_bids.errors import InputError, Problem
from qsmnet_bids.reports.judgement import quality_warnings
from qsmnet_bids.reports.values import (
    as_list,
    as_mapping,
    as_number,
    as_numbers,
    as_text,
    as_texts,
)

SUFFIX = '_Chimap.json'
SCANNER_FIELDS = (
    'Manufacturer',
    'ManufacturersModelName',
    'SeriesDescription',
    'ProtocolName',
    'RepetitionTime',
    'RepetitionTimeExcitation',
    'FlipAngle',
    'PulseSequenceType',
    'ScanningSequence',
    'MRAcquisitionType',
    'PixelBandwidth',
    'ParallelReductionFactorInPlane',
    'ParallelAcquisitionTechnique',
    'PartialFourier',
    'CoilCombinationMethod',
)
"""Fields of the scanner that a report shows where a sidecar has them."""


@dataclass(frozen=True)
class StepRecord:
    """One stage as it ran.

    Parameters
    ----------
    stage, method
        Names, as the stages' registries have them.
    parameters
        Hyper-parameters by name, as text.
    reference
        Publication of the method, as the sidecar has it.
    convergence
        One sentence for an iterative method; empty otherwise.
    device
        Where it ran.
    seconds
        Wall time, s; None if not recorded.
    warnings
        Sentences for the reader.
    """

    stage: str
    method: str
    parameters: dict[str, str] = field(default_factory=dict)
    reference: str = ''
    convergence: str = ''
    device: str = ''
    seconds: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """One run as its sidecar tells it.

    Parameters
    ----------
    name
        Entities of the run, such as ``sub-01_ses-a_run-1``.
    inversion
        Label of the map: the inversion's name.
    echo_times
        s.
    b0
        T; None if not recorded.
    voxel_size
        mm.
    matrix_size
        Voxels.
    b0_dir
        Unit vector along B0 in voxel axes.
    phase_sign, phase_convention
        As text.
    scanner
        Fields of the scanner, as text.
    steps
        In the order in which they ran.
    reference_region
        Whose mean is zero.
    weights
        Name and checksum of a network's weights; empty if none.
    versions
        Of the software, by package.
    quality
        Measures by name; what is not a number is left out.
    warnings
        Sentences for the reader.
    """

    name: str
    inversion: str
    echo_times: tuple[float, ...] = ()
    b0: float | None = None
    voxel_size: tuple[float, ...] = ()
    matrix_size: tuple[int, ...] = ()
    b0_dir: tuple[float, ...] = ()
    phase_sign: str = ''
    phase_convention: str = ''
    scanner: dict[str, str] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    reference_region: str = ''
    weights: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def entities(self) -> dict[str, str]:
        """Entities of the run by their short keys: ``{'sub': '01', 'run': '1'}``."""
        return dict(part.split('-', 1) for part in self.name.split('_') if '-' in part)

    @property
    def all_warnings(self) -> list[str]:
        """Warnings of the run, its stages and its measures, without repetition."""
        of_steps = (text for step in self.steps for text in step.warnings)
        told = (*self.warnings, *of_steps, *quality_warnings(self.quality))
        return list(dict.fromkeys(filter(None, told)))


def find_sidecars(output_dir: Path, subject: str = '*') -> Iterator[Path]:
    """List the sidecars of susceptibility maps, subject by subject.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    subject
        Label without ``sub-``; ``'*'`` for all.
    """
    for folder in sorted(output_dir.glob(f'sub-{subject}')):
        if folder.is_dir():
            found = sorted(folder.glob(f'**/sub-*{SUFFIX}'))
            # the uncertainty of a map lies beside it and is none
            yield from (path for path in found if not path.name.endswith(UNCERTAINTY + SUFFIX))


def read_record(path: Path) -> RunRecord:
    """Read one sidecar.

    Parameters
    ----------
    path
        ``sub-<label>[_<entities>]_desc-<inversion>_Chimap.json``.

    Raises
    ------
    InputError
        If the file is half-written or lacks what every run records.
    """
    try:
        sidecar = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise _unreadable(path, 'content', f'not valid JSON ({error})') from error
    if not isinstance(sidecar, dict):
        raise _unreadable(path, 'content', 'not a JSON object')
    for key, kind in (('Steps', list), ('QualityMeasures', dict)):
        if not isinstance(sidecar.get(key), kind):
            raise _unreadable(path, key, 'missing or of the wrong type')
    name, _, description = path.name.removesuffix(SUFFIX).partition('_desc-')
    try:
        return parse_record(sidecar, name=name, inversion=description)
    except (TypeError, ValueError) as error:
        raise _unreadable(path, 'content', f'values of the wrong type ({error})') from error


def parse_record(
    sidecar: Mapping[str, object], *, name: str = '', inversion: str = ''
) -> RunRecord:
    """Turn a sidecar's content into a record.

    Parameters
    ----------
    sidecar
        As ``docs/architecture.md`` describes it.
    name, inversion
        From the file's name.
    """
    return RunRecord(
        name=name,
        inversion=inversion,
        echo_times=as_numbers(sidecar.get('EchoTime')),
        b0=as_number(sidecar.get('MagneticFieldStrength')),
        voxel_size=as_numbers(sidecar.get('VoxelSize')),
        matrix_size=tuple(int(n) for n in as_numbers(sidecar.get('MatrixSize'))),
        b0_dir=as_numbers(sidecar.get('B0_dir')),
        phase_sign=as_text(sidecar.get('PhaseSign')),
        phase_convention=as_text(sidecar.get('PhaseConvention')),
        scanner={
            key: as_text(sidecar[key])
            for key in SCANNER_FIELDS
            if isinstance(sidecar.get(key), str | int | float)
        },
        steps=tuple(_step(step) for step in as_list(sidecar.get('Steps'))),
        reference_region=as_text(sidecar.get('ReferenceRegion')),
        weights=as_texts(sidecar.get('Weights')),
        versions=as_texts(sidecar.get('PackageVersions')),
        quality={
            key: number
            for key, value in as_mapping(sidecar.get('QualityMeasures')).items()
            if (number := as_number(value)) is not None
        },
        warnings=tuple(as_text(warning) for warning in as_list(sidecar.get('Warnings'))),
    )


def _step(value: object) -> StepRecord:
    step = as_mapping(value)
    return StepRecord(
        stage=as_text(step.get('stage')),
        method=as_text(step.get('method')),
        parameters=as_texts(step.get('parameters')),
        reference=as_text(step.get('reference')),
        convergence=_convergence(as_mapping(step.get('convergence'))),
        device=as_text(step.get('device')),
        seconds=as_number(step.get('seconds')),
        warnings=tuple(as_text(warning) for warning in as_list(step.get('warnings'))),
    )


def _convergence(found: Mapping[str, object]) -> str:
    if not found:
        return ''
    ending = 'converged' if found.get('converged') else 'did not converge'
    residual = as_number(found.get('relative_residual'))
    tail = '' if residual is None else f', relative residual {residual:.2g}'
    return f'{ending} after {as_text(found.get("n_iterations"))} iterations{tail}'


def _unreadable(path: Path, key: str, found: str) -> InputError:
    return InputError(Problem(str(path), key, found, 'run the participant level again'))
