"""What the group level costs on a dataset of many runs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.process import measure
from qsmnet_bids.bidsio.region_tables import to_tsv
from qsmnet_bids.regional.statistics import Measured, Region, Summary
from qsmnet_bids.reports.group import write_group

# chi at 25 years (ppm), its growth per year (ppm), R2* (1/s), volume (mm3): of the magnitude that
# studies of deep grey matter report
NUCLEI = {
    'Thalamus': (0.002, -0.0001, 21.0, 7200),
    'Caudate': (0.032, 0.0003, 22.0, 3700),
    'Putamen': (0.025, 0.0008, 24.0, 5000),
    'Pallidum': (0.105, 0.0004, 37.0, 1900),
    'Hippocampus': (-0.010, 0.0, 17.0, 4200),
    'Amygdala': (-0.004, 0.0, 16.0, 1700),
    'Accumbens-area': (0.018, 0.0001, 20.0, 550),
    'Red-Nucleus': (0.085, 0.0009, 33.0, 300),
    'Substantia-Nigra': (0.110, 0.0006, 36.0, 600),
    'Dentate-Nucleus': (0.090, 0.0007, 28.0, 1100),
}
REGIONS = {
    f'{side}-{name}': values for side in ('Left', 'Right') for name, values in NUCLEI.items()
}
OUTLIERS = (
    {'chi_sd': 0.11, 'forward_residual_ratio': 0.71},  # motion
    {'chi_sd': 0.0004, 'chi_p05': -0.0005, 'chi_p95': 0.0006},  # echo times in the wrong unit
    {'mask_volume_ml': 640.0},  # truncated mask
    {'field_noise_ppm': 0.0142},  # noise
)
SITES = ('Aalborg', 'Brno', 'Cork')


@dataclass(frozen=True)
class Row:
    """The group level on one dataset.

    Parameters
    ----------
    runs
        One per subject.
    regions
        Of each.
    group
        Wall time of ``write_group``, s.
    peak_gb
        Most memory of its process, GB.
    page_mb, regions_mb
        Size of ``group.html`` and of ``group_regions.tsv``, MB.
    """

    runs: int
    regions: int
    group: float
    peak_gb: float
    page_mb: float
    regions_mb: float


def group(scratch: Path, *, n_runs: int) -> Row:
    """Simulate what the participant level leaves, and take time and memory of the group level.

    Parameters
    ----------
    scratch
        Folder for all that is written.
    n_runs
        At least one.
    """
    simulate_outputs(scratch, n_runs=n_runs)
    measured = measure(write_group, scratch)
    sizes = [(scratch / name).stat().st_size / 1e6 for name in ('group.html', 'group_regions.tsv')]
    return Row(n_runs, len(REGIONS), measured.seconds, measured.peak_gb, *sizes)


def simulate_outputs(output_dir: Path, *, n_runs: int) -> None:
    """Write sidecars, region tables, empty reports and a table of participants.

    The first four runs are outliers of four kinds.

    Parameters
    ----------
    output_dir
        Derivative dataset.
    n_runs
        One per subject.
    """
    rng = np.random.default_rng(0)
    rows = ['participant_id\tage\tsex\tsite\thandedness_score']
    for number in range(1, n_runs + 1):
        label = f'{number:05d}'
        age = int(rng.integers(20, 81))
        sex, site = rng.choice(['F', 'M']), rng.choice(SITES)
        rows.append(f'sub-{label}\t{age}\t{sex}\t{site}\tn/a')
        folder = output_dir / f'sub-{label}' / 'anat'
        folder.mkdir(parents=True)
        quality = _quality(rng, str(sex)) | (
            OUTLIERS[number - 1] if number <= len(OUTLIERS) else {}
        )
        sidecar = _sidecar(quality, number)
        (folder / f'sub-{label}_desc-tikhonov_Chimap.json').write_text(json.dumps(sidecar))
        table = folder / f'sub-{label}_seg-aseg_desc-tikhonov_stats.tsv'
        table.write_text(to_tsv(_regions(rng, float(age))))
        (output_dir / f'sub-{label}.html').write_text(f'<!doctype html><title>{label}</title>')
    (output_dir / 'participants.tsv').write_text('\n'.join(rows) + '\n')
    told = {
        'age': {'LongName': 'Age', 'Units': 'year'},
        'sex': {'LongName': 'Sex', 'Levels': {'F': 'female', 'M': 'male'}},
        'site': {'LongName': 'Site'},
    }
    (output_dir / 'participants.json').write_text(json.dumps(told))


def _quality(rng: np.random.Generator, sex: str) -> dict[str, float]:
    spread = rng.normal(0.041, 0.003)
    residual = abs(rng.normal(0.0042, 0.0004))
    return {
        'mask_volume_ml': rng.normal(1460 if sex == 'M' else 1330, 70),
        'chi_p01': -2.7 * spread + rng.normal(0, 0.002),
        'chi_p05': -1.4 * spread + rng.normal(0, 0.001),
        'chi_p50': rng.normal(-0.0012, 0.0004),
        'chi_p95': 1.5 * spread + rng.normal(0, 0.001),
        'chi_p99': 3.2 * spread + rng.normal(0, 0.003),
        'chi_sd': spread,
        'field_noise_ppm': abs(rng.normal(0.0021, 0.0002)),
        'forward_residual_ppm': residual,
        'forward_residual_ratio': residual / 0.0148,
        'run_time_s': rng.lognormal(3.6, 0.15),
    }


def _sidecar(quality: dict[str, float], number: int) -> dict[str, object]:
    stages = ('masking', 'fieldmap', 'unwrapping', 'fieldmap', 'background', 'inversion')
    step = {'method': 'm', 'parameters': {f'p{n}': n for n in range(6)}, 'reference': 'doi'}
    return {
        'EchoTime': [0.004, 0.012, 0.02, 0.028],
        'MagneticFieldStrength': 3.0,
        'VoxelSize': [1.0, 1.0, 1.0],
        'MatrixSize': [192, 224, 160],
        'B0_dir': [0.0, 0.0, 1.0],
        'Sources': [f'bids:raw:sub-{number:05d}/anat/file_echo-{echo}.nii.gz' for echo in (1, 2)],
        'Steps': [step | {'stage': stage, 'seconds': 3.0, 'warnings': []} for stage in stages],
        'ReferenceRegion': 'whole mask',
        'PackageVersions': {'qsmnet-bids': '0', 'torch': '0'},
        'QualityMeasures': quality,
        'Warnings': ['The phase of echo 4 wraps inside the mask.'] if number % 17 == 0 else [],
    }


def _regions(rng: np.random.Generator, age: float) -> Measured:
    shift = rng.normal(0, 0.004)
    regions = []
    for index, (name, (chi, slope, r2star, volume)) in enumerate(REGIONS.items(), start=1):
        median = chi + slope * (age - 25) + shift + rng.normal(0, 0.008)
        decay = r2star + 150 * slope * (age - 25) + rng.normal(0, 1.5)
        size = float(max(100.0, rng.normal(volume, 0.1 * volume)))
        maps = {
            'chi': Summary(median + 0.002, median, abs(rng.normal(0.03, 0.004))),
            'r2star': Summary(decay + 0.5, decay, abs(rng.normal(5, 0.5))),
        }
        share = float(min(1.0, rng.normal(0.99, 0.01)))
        regions.append(Region(index, name, int(size * share), size, share, maps))
    return Measured(tuple(regions), (), ())
