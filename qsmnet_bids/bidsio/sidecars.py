"""The JSON beside each derivative. Pure functions: what they return is what is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from qsmnet_bids import __version__
from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.derivatives import APP, bids_uri
from qsmnet_bids.regions import region_name

Sidecar = dict[str, object]
Quantity = Literal['R2starmap', 'T2starmap', 'S0map']
FieldKind = Literal['total', 'local']
WeightedKind = Literal['swi', 'minip']

QUANTITIES = {
    'R2starmap': ('Effective transverse relaxation rate', '1/s'),
    'T2starmap': ('Effective transverse relaxation time', 's'),
    'S0map': ('Magnitude extrapolated to echo time zero', 'arbitrary'),
}
FIELDS = {
    'total': 'Field offset relative to B0 from all sources',
    'local': 'Field offset relative to B0 from sources inside the mask',
}
WEIGHTED = {
    'swi': 'Susceptibility-weighted image: the magnitude, darkened where the phase tells of veins',
    'minip': 'Minimum of the susceptibility-weighted image over a slab around each slice',
}
COVERED = (
    'noise of the field, as its fit over the echoes estimates it',
    'results that differ between mirrored copies of the field',
)
MODEL_ERROR = (
    'error of the field that shows where the field of the map misses it',
    'bias of the inversion: what it loses of its own map',
)
NOT_COVERED = (
    'error of the field that looks like susceptibility: left-over background, flow, anisotropy',
    'what no map by this inversion has, such as sources that it never sees',
    'susceptibility that all voxels share: the map is relative to its mean in the mask',
)
"""By the uncertainty of a map."""
PACKAGES = ('torch', 'numpy', 'scipy', 'scikit-image', 'nibabel', 'nipype', 'pybids')


@dataclass(frozen=True)
class Reconstructed:
    """What the stages report of a run, as far as the susceptibility map's sidecar needs it.

    Parameters
    ----------
    inversion
        Method of the inversion; it becomes the ``desc`` entity.
    algorithm, reference
        One sentence on the inversion, and its citation.
    steps
        In order, each with ``stage``, ``method``, ``parameters``, ``reference``, ``convergence``,
        ``device``, ``seconds`` and ``warnings``.
    reference_region
        One of ``regions.REGIONS``.
    reference_labels
        Values of the segmentation that make it up, where it is one of a segmentation.
    quality
        Measures by name.
    weights
        ``name`` and ``sha256`` of a network; None without one.
    warnings
        Sentences for the reader, beside those of the acquisition and of the steps.
    """

    inversion: str
    algorithm: str
    reference: str
    steps: Sequence[Mapping[str, object]]
    reference_region: str
    quality: Mapping[str, float | None] = field(default_factory=dict)
    weights: Mapping[str, str] | None = None
    reference_labels: Sequence[int] = ()
    warnings: Sequence[str] = ()


def chimap(acquisition: Acquisition, result: Reconstructed, *, bids_dir: Path) -> Sidecar:
    """Describe a susceptibility map: the record of the whole run.

    Parameters
    ----------
    acquisition
        The input.
    result
        What was done to it.
    bids_dir
        Root of the raw dataset.
    """
    runs = acquisition.orientations or (acquisition,)
    images = [path for run in runs for path in (*run.magnitude, *run.phase)]
    images += [run.mask for run in runs[1:] if run.mask is not None]
    images += [acquisition.segmentation] if acquisition.segmentation is not None else []
    sidecar = _of_images(acquisition, images, bids_dir)
    sidecar |= {
        'Description': f'Magnetic susceptibility by {result.inversion}',
        'Units': 'ppm',
        'EstimationReference': result.reference,
        'EstimationAlgorithm': result.algorithm,
        'VoxelSize': list(acquisition.voxel_size),
        'MatrixSize': list(acquisition.shape),
        'B0_dir': list(acquisition.b0_dir),
        'PhaseSign': acquisition.phase_sign,
        'PhaseConvention': acquisition.phase_convention,
        'Steps': [dict(step) for step in result.steps],
        'ReferenceRegion': region_name(result.reference_region, result.reference_labels),
        'PackageVersions': package_versions(),
        'QualityMeasures': dict(result.quality),
        'Warnings': _all_warnings(acquisition, result),
    }
    if result.weights is not None:
        sidecar['Weights'] = dict(result.weights)
    return sidecar


def uncertainty_map(
    acquisition: Acquisition,
    *,
    inversion: str,
    steps: Sequence[Mapping[str, object]],
    reference: str,
    bids_dir: Path,
) -> Sidecar:
    """Describe the uncertainty of a susceptibility map.

    Parameters
    ----------
    acquisition
        The input.
    inversion
        Method of the map.
    steps
        Records of how the uncertainty was estimated, the map's own last.
    reference
        Citation of the method.
    bids_dir
        Root of the raw dataset.
    """
    parameters = steps[-1]['parameters']
    known = parameters if isinstance(parameters, Mapping) else {}
    images = [*acquisition.magnitude, *acquisition.phase]
    return _of_images(acquisition, images, bids_dir) | {
        'Description': f'One standard deviation of the magnetic susceptibility by {inversion}',
        'Units': 'ppm',
        'EstimationReference': reference,
        'EstimationAlgorithm': 'Inversions of mirrored copies of the local field with noise added',
        'Members': known.get('n_members'),
        'Seed': known.get('seed'),
        'Factor': known.get('factor'),
        'Covers': [*COVERED, *(MODEL_ERROR if known.get('model_error') else ())],
        'DoesNotCover': list(NOT_COVERED),
        'Steps': [dict(step) for step in steps],
    }


def relaxation_map(
    acquisition: Acquisition, quantity: Quantity, *, reference: str, bids_dir: Path
) -> Sidecar:
    """Describe a map of the magnitude's decay.

    Parameters
    ----------
    acquisition
        The input.
    quantity
        Suffix of the map.
    reference
        Citation of the fit.
    bids_dir
        Root of the raw dataset.
    """
    description, units = QUANTITIES[quantity]
    return _of_images(acquisition, acquisition.magnitude, bids_dir) | {
        'Description': description,
        'Units': units,
        'EstimationReference': reference,
        'EstimationAlgorithm': 'Mono-exponential decay over the echo times',
    }


def mask(acquisition: Acquisition, *, method: str, bids_dir: Path) -> Sidecar:
    """Describe the mask of a run.

    Parameters
    ----------
    acquisition
        The input.
    method
        That made the mask, or ``provided``.
    bids_dir
        Root of the raw dataset.
    """
    made_of = [*acquisition.magnitude, *acquisition.phase]
    sources = [acquisition.mask] if acquisition.mask is not None else made_of
    return {
        'Description': f'Voxels that were reconstructed ({method})',
        'Type': 'Brain',
        'SkullStripped': True,
        'Sources': [bids_uri(path, bids_dir) for path in sources],
    }


def field_map(
    acquisition: Acquisition, kind: FieldKind, *, method: str, bids_dir: Path
) -> Sidecar:
    """Describe a saved field.

    Parameters
    ----------
    acquisition
        The input.
    kind
        Total or local field.
    method
        That made it.
    bids_dir
        Root of the raw dataset.
    """
    images = [*acquisition.magnitude, *acquisition.phase]
    return _of_images(acquisition, images, bids_dir) | {
        'Description': f'{FIELDS[kind]}, by {method}',
        'Units': 'ppm',
        'B0_dir': list(acquisition.b0_dir),
    }


def field_magnitude(acquisition: Acquisition, *, bids_dir: Path) -> Sidecar:
    """Describe the magnitude that BIDS asks for beside every saved field.

    Parameters
    ----------
    acquisition
        The input.
    bids_dir
        Root of the raw dataset.
    """
    return _of_images(acquisition, acquisition.magnitude, bids_dir) | {
        'Description': 'Root of the sum of squares of the magnitude over the echoes',
        'Units': 'arbitrary',
        'SkullStripped': False,
    }


def weighted(
    acquisition: Acquisition,
    kind: WeightedKind,
    *,
    step: Mapping[str, object],
    reference: str,
    bids_dir: Path,
) -> Sidecar:
    """Describe a susceptibility-weighted image or its projection.

    Parameters
    ----------
    acquisition
        The input.
    kind
        Image or projection.
    step
        Record of how it was made.
    reference
        Citation of the method.
    bids_dir
        Root of the raw dataset.
    """
    images = [*acquisition.magnitude, *acquisition.phase]
    return _of_images(acquisition, images, bids_dir) | {
        'Description': WEIGHTED[kind],
        'Units': 'arbitrary',
        'EstimationReference': reference,
        'Steps': [dict(step)],
    }


def package_versions() -> dict[str, str]:
    """Give the versions of this app and of the packages that decide its numbers."""
    versions = {APP: __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _of_images(acquisition: Acquisition, images: Sequence[Path], bids_dir: Path) -> Sidecar:
    sources = [*images, *([acquisition.mask] if acquisition.mask is not None else [])]
    return acquisition.metadata | {
        'Sources': [bids_uri(path, bids_dir) for path in sources],
        'SkullStripped': True,
        'EchoTime': list(acquisition.echo_times),
        'MagneticFieldStrength': acquisition.b0,
    }


def _all_warnings(acquisition: Acquisition, result: Reconstructed) -> list[str]:
    of_steps: list[str] = []
    for step in result.steps:
        warnings = step.get('warnings')
        of_steps += [str(w) for w in warnings] if isinstance(warnings, Sequence) else []
    return list(dict.fromkeys([*acquisition.warnings, *of_steps, *result.warnings]))
