"""A synthetic head and the sidecars of its runs."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.reports.html import write_subject_report
from tests.reports.page import NASTY


def head(shape=(48, 56, 40), voxel_size=(3.6, 3.6, 3.6), n_echoes=3, seed=0):
    """Ellipsoid head in voxel order right, anterior, superior; nuclei, a vein, a calcification."""
    random = np.random.default_rng(seed)
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel_size, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')

    def inside(centre, radii):
        offsets = (x - centre[0], y - centre[1], z - centre[2])
        return sum((o / r) ** 2 for o, r in zip(offsets, radii, strict=True)) < 1

    mask = inside((0, 0, 0), (66, 82, 58))
    chi = 0.012 * np.sin(x / 7) * np.sin(y / 9) * np.sin(z / 8)
    for side in (-1, 1):
        chi[inside((side * 22, 8, 2), (7, 16, 9))] = 0.09
        chi[inside((side * 16, 4, 0), (5, 9, 6))] = 0.16
        chi[inside((side * 8, -8, 6), (6, 24, 9))] = -0.02
    chi[inside((30, -30, 20), (6, 6, 6))] = -0.2
    chi[np.hypot(x, z - 40) < 4] = 0.3
    chi = np.where(mask, chi, 0)
    local = np.where(mask, 0.35 * chi + 0.004 * random.standard_normal(shape), 0)
    total = np.where(mask, local + 0.9 * np.exp(-((y - 70) ** 2 + (z + 50) ** 2) / 1800) - 0.2, 0)
    echo_times = np.array([0.005, 0.012, 0.019, 0.026])[:n_echoes]
    tissue = 800 * mask + 300 * inside((0, 0, 0), (74, 92, 66))
    decay = np.exp(-echo_times[:, None, None, None] * (22 + 120 * np.abs(chi)))
    noise = random.standard_normal((2, n_echoes, *shape)) * 12
    hz = 127.7 * total
    signal = tissue * decay * np.exp(2j * np.pi * hz * echo_times[:, None, None, None] + 0.7j)
    signal = signal + noise[0] + 1j * noise[1]
    affine = np.diag([*voxel_size, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    return {
        'magnitude': np.abs(signal).astype(np.float32),
        'phase': np.angle(signal).astype(np.float32),
        'mask': mask,
        'total': total.astype(np.float32),
        'local': local.astype(np.float32),
        'chi': chi.astype(np.float32),
        'affine': affine,
        'inversion': 'tikhonov',
        'r2star': np.where(mask, 22 + 120 * np.abs(chi), 0).astype(np.float32),
        'residual': np.where(mask, 0.65 * chi, 0).astype(np.float32),
        'unwrapped': (2 * np.pi * hz * echo_times[-1] * mask).astype(np.float32),
    }


@pytest.fixture(scope='session')
def synthetic_head():
    return head()


@pytest.fixture(scope='session')
def figures(synthetic_head, tmp_path_factory):
    """Prefix and files of the figures, drawn once."""
    prefix = tmp_path_factory.mktemp('figures') / 'sub-01' / 'figures' / 'sub-01_run-1'
    return prefix, draw_figures(prefix, **synthetic_head)


EXTRA_MEASURES = {
    'mask_roughness': 1.83,
    'mask_border_fraction': 0.0,
    'snr': 41.2,
    'r2star_median': 18.9,
    'r2star_misfit': 0.0213,
    'echo_misfit_rad': 0.047,
    'echo_misfit_fraction': 0.0004,
    'wrap_fraction': 0.0312,
    'steep_fraction': 0.0009,
    'low_quality_fraction': 0.0204,
    'background_left': 0.151,
    'forward_residual_noise': 1.17,
    'forward_residual_tail': 9.31,
    'uncertainty_ppm': 0.0123,
    'uncertain_fraction': 0.0456,
    'streaking': 1.04,
    'chi_csf_mode': 0.022,
    'chi_wm_mode': -0.031,
    'chi_asymmetry': 0.27,
}


def chimap_sidecar(**changes):
    """A sidecar as the participant level writes it."""
    sidecar = {
        'Description': 'Magnetic susceptibility by Tikhonov regularisation',
        'Sources': ['bids:raw:sub-01/anat/sub-01_run-1_echo-1_part-phase_MEGRE.nii.gz'],
        'SkullStripped': True,
        'Units': 'ppm',
        'EstimationReference': 'doi:10.1002/jmri.24365',
        'EstimationAlgorithm': 'tikhonov',
        'EchoTime': [0.005, 0.012, 0.019, 0.026],
        'MagneticFieldStrength': 3.0,
        'VoxelSize': [1.0, 1.0, 1.2],
        'MatrixSize': [180, 216, 160],
        'B0_dir': [0.0, 0.0998, 0.995],
        'PhaseSign': 1,
        'PhaseConvention': 'signed integer',
        'Manufacturer': 'Siemens',
        'ManufacturersModelName': 'Prisma',
        'SeriesDescription': 'qsm_megre_1mm',
        'FlipAngle': 15,
        'Steps': [
            _step('masking', 'combined', {'fraction': 0.15, 'quality': 0.5}, seconds=2.31),
            _step('fieldmap', 'mcpc3ds', {}, seconds=1.1),
            _step('unwrapping', 'best_path', {}, seconds=6.42),
            _step('fieldmap', 'weighted_mean', {}, seconds=1.9),
            _step('background', 'vsharp', {'max_radius': 12.0}, seconds=8.75),
            _step('inversion', 'tikhonov', {'regularisation': 0.02}, seconds=0.84),
        ],
        'ReferenceRegion': 'whole mask',
        'PackageVersions': {'qsmnet-bids': '0.1.0', 'torch': '2.13.0', 'nipype': '1.11.0'},
        'QualityMeasures': {
            'mask_volume_ml': 1412.37,
            'chi_p01': -0.1123,
            'chi_p05': -0.0571,
            'chi_p50': -0.0012,
            'chi_p95': 0.0634,
            'chi_p99': 0.1349,
            'chi_sd': 0.0412,
            'field_noise_ppm': 0.00213,
            **EXTRA_MEASURES,
            'forward_residual_ppm': 0.00754,
            'forward_residual_ratio': 0.2841,
            'run_time_s': 31.4,
        },
        'Warnings': [],
    }
    sidecar.update(changes)
    return sidecar


def _step(stage, method, parameters, *, seconds, warnings=()):
    return {
        'stage': stage,
        'method': method,
        'parameters': parameters,
        'reference': 'doi',
        'convergence': None,
        'device': 'cpu',
        'seconds': seconds,
        'warnings': list(warnings),
    }


@pytest.fixture
def sidecar():
    return chimap_sidecar()


@pytest.fixture
def write_run():
    """Write a sidecar where the participant level would."""

    def write(output_dir: Path, name: str, **changes):
        entities = dict(part.split('-') for part in name.split('_'))
        folder = output_dir / f'sub-{entities["sub"]}'
        if 'ses' in entities:
            folder /= f'ses-{entities["ses"]}'
        path = folder / 'anat' / f'{name}_desc-tikhonov_Chimap.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        content = copy.deepcopy(chimap_sidecar(**changes))
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def report(tmp_path, write_run, figures):
    write_run(tmp_path, 'sub-01_run-1', SeriesDescription=NASTY, Warnings=[f'Look here {NASTY}'])
    shutil.copytree(figures[0].parent, tmp_path / 'sub-01' / 'figures')
    return write_subject_report(tmp_path, '01')
