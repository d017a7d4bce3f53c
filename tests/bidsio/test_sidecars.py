"""What stands beside each derivative."""

from pathlib import Path

import pytest

from qsmnet_bids.bidsio import sidecars
from qsmnet_bids.bidsio.acquisition import Acquisition

ROOT = Path('/data/raw')
RESULT = sidecars.Reconstructed(
    inversion='tkd',
    algorithm='Truncated k-space division',
    reference='K. Shmueli et al., 2009',
    steps=[
        {'stage': 'masking', 'method': 'combined', 'warnings': ['small', 'same']},
        {'stage': 'inversion', 'method': 'tkd', 'parameters': {'threshold': 0.2}},
    ],
    reference_region='mask',
    quality={'chi_sd': 0.04},
    warnings=['same', 'late'],
)


@pytest.fixture
def acquisition() -> Acquisition:
    folder = ROOT / 'sub-01' / 'anat'
    return Acquisition(
        entities={'sub': '01'},
        suffix='MEGRE',
        magnitude=tuple(folder / f'sub-01_echo-{e}_part-mag_MEGRE.nii.gz' for e in (1, 2)),
        phase=tuple(folder / f'sub-01_echo-{e}_part-phase_MEGRE.nii.gz' for e in (1, 2)),
        echo_times=(0.004, 0.008),
        b0=3.0,
        b0_dir=(0.0, 0.6, 0.8),
        voxel_size=(1.0, 1.0, 2.0),
        shape=(64, 64, 32),
        phase_convention='signed integer',
        phase_slope=0.001,
        phase_intercept=0.0,
        phase_sign=-1,
        metadata={'Manufacturer': 'GE', 'FlipAngle': 15},
        warnings=('GE',),
    )


def test_chimap_is_the_record_of_the_run(acquisition):
    sidecar = sidecars.chimap(acquisition, RESULT, bids_dir=ROOT)
    assert sidecar.pop('PackageVersions')['qsmnet-bids']
    assert sidecar == {
        'Manufacturer': 'GE',
        'FlipAngle': 15,
        'Description': 'Magnetic susceptibility by tkd',
        'Sources': [
            f'bids:raw:sub-01/anat/sub-01_echo-{echo}_part-{part}_MEGRE.nii.gz'
            for part in ('mag', 'phase')
            for echo in (1, 2)
        ],
        'SkullStripped': True,
        'Units': 'ppm',
        'EstimationReference': 'K. Shmueli et al., 2009',
        'EstimationAlgorithm': 'Truncated k-space division',
        'EchoTime': [0.004, 0.008],
        'MagneticFieldStrength': 3.0,
        'VoxelSize': [1.0, 1.0, 2.0],
        'MatrixSize': [64, 64, 32],
        'B0_dir': [0.0, 0.6, 0.8],
        'PhaseSign': -1,
        'PhaseConvention': 'signed integer',
        'Steps': RESULT.steps,
        'ReferenceRegion': 'whole mask',
        'QualityMeasures': {'chi_sd': 0.04},
        'Warnings': ['GE', 'small', 'same', 'late'],
    }


def test_weights_of_a_network(acquisition):
    weights = {'name': 'deepqsm', 'sha256': 'ab'}
    result = sidecars.Reconstructed('deepqsm', 'a', 'r', [], 'none', weights=weights)
    sidecar = sidecars.chimap(acquisition, result, bids_dir=ROOT)
    assert (sidecar['Weights'], sidecar['ReferenceRegion']) == (weights, 'none')


@pytest.mark.parametrize(
    ('quantity', 'units'), [('R2starmap', '1/s'), ('T2starmap', 's'), ('S0map', 'arbitrary')]
)
def test_relaxation_maps_come_from_the_magnitude(acquisition, quantity, units):
    sidecar = sidecars.relaxation_map(acquisition, quantity, reference='r', bids_dir=ROOT)
    assert (sidecar['Units'], sidecar['SkullStripped']) == (units, True)
    assert (sidecar['EstimationReference'], sidecar['EchoTime']) == ('r', [0.004, 0.008])
    assert all('part-mag' in source for source in sidecar['Sources'])


@pytest.mark.parametrize('kind', ['total', 'local'])
def test_fields_are_in_ppm(acquisition, kind):
    sidecar = sidecars.field_map(acquisition, kind, method='vsharp', bids_dir=ROOT)
    assert (sidecar['Units'], sidecar['B0_dir']) == ('ppm', [0.0, 0.6, 0.8])
    assert 'vsharp' in sidecar['Description']


def test_magnitude_beside_a_field_keeps_the_skull(acquisition):
    assert sidecars.field_magnitude(acquisition, bids_dir=ROOT)['SkullStripped'] is False


def test_sources_of_a_computed_and_a_provided_mask(acquisition):
    computed = sidecars.mask(acquisition, method='combined', bids_dir=ROOT)
    assert (computed['Type'], len(computed['Sources'])) == ('Brain', 4)
    fields = {name: getattr(acquisition, name) for name in acquisition.__dataclass_fields__}
    given = Acquisition(**fields | {'mask': ROOT / 'derivatives/m/sub-01_mask.nii.gz'})
    provided = sidecars.mask(given, method='provided', bids_dir=ROOT)
    assert provided['Sources'] == ['bids:raw:derivatives/m/sub-01_mask.nii.gz']
    chi = sidecars.chimap(given, RESULT, bids_dir=ROOT)
    assert chi['Sources'][-1] == 'bids:raw:derivatives/m/sub-01_mask.nii.gz'


@pytest.mark.parametrize(('model_error', 'n_covered'), [(True, 4), (False, 2)])
def test_uncertainty_says_what_it_covers(acquisition, model_error, n_covered):
    values = {'n_members': 8, 'seed': 1, 'model_error': model_error, 'factor': 1.2}
    step = {'stage': 'uncertainty', 'method': 'uncertainty', 'parameters': values}
    sidecar = sidecars.uncertainty_map(
        acquisition, inversion='tkd', steps=[step], reference='B. Efron, 1979', bids_dir=ROOT
    )
    assert sidecar['Units'] == 'ppm'
    assert 'standard deviation' in sidecar['Description']
    assert 'tkd' in sidecar['Description']
    assert (sidecar['Members'], sidecar['Seed'], sidecar['Factor']) == (8, 1, 1.2)
    assert len(sidecar['Covers']) == n_covered
    assert any('background' in words for words in sidecar['DoesNotCover'])
    assert sidecar['Steps'] == [step]
