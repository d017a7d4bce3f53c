"""The graph gives what the library gives, bit for bit, and tells every step."""

import dataclasses
import json

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.swi import swi
from qsmnet_bids.weights.cards import read_card, sees_whole
from tests.acquisitions import write_acquisition
from tests.workflows.running import SMALL, data, library, load_echoes, run


@pytest.mark.parametrize('n_echoes', [3, 1])
def test_workflow_equals_library(settings, n_echoes):
    settings = dataclasses.replace(settings, save_fields=True)
    acquisition = write_acquisition(settings.bids_dir, n_echoes=n_echoes)

    run(settings, acquisition)

    expected = library(acquisition, settings)
    anat, fmap = (settings.output_dir / 'sub-01' / name for name in ('anat', 'fmap'))
    pairs = {
        anat / 'sub-01_desc-brain_mask.nii.gz': expected.mask,
        anat / 'sub-01_desc-tikhonov_Chimap.nii.gz': expected.chi.chi,
        fmap / 'sub-01_desc-total_fieldmap.nii.gz': expected.total.field,
        fmap / 'sub-01_desc-local_fieldmap.nii.gz': expected.local.field,
    }
    if expected.relaxation is not None:
        pairs[anat / 'sub-01_R2starmap.nii.gz'] = expected.relaxation.r2star
        pairs[anat / 'sub-01_T2starmap.nii.gz'] = expected.relaxation.t2star
        pairs[anat / 'sub-01_S0map.nii.gz'] = expected.relaxation.s0
    for path, volume in pairs.items():
        np.testing.assert_array_equal(data(path), volume.numpy(), err_msg=path.name)
        assert json.loads(path.with_name(path.name[:-7] + '.json').read_text())['Description']
    assert {path.name for path in anat.glob('*.nii.gz')} == {
        path.name for path in pairs if path.parent == anat
    }
    # a single echo has no R2*
    n_figures = 11 if n_echoes > 1 else 10
    assert len(list((settings.output_dir / 'sub-01' / 'figures').glob('*.png'))) == n_figures
    assert not list(settings.output_dir.rglob('crash*'))


@pytest.mark.slow
def test_two_passes_segmentation_and_weighting_equal_the_library(settings):
    acquisition = write_acquisition(settings.bids_dir)
    labels = np.zeros(acquisition.shape, dtype=np.int16)
    labels[10:18, 12:20, 8:16] = 3
    segmentation = settings.bids_dir / 'sub-01_desc-x_dseg.nii.gz'
    affine = nib.load(acquisition.magnitude[0]).affine
    nib.save(nib.Nifti1Image(labels, affine), segmentation)
    acquisition = dataclasses.replace(acquisition, segmentation=segmentation)
    settings = dataclasses.replace(
        settings,
        reference='segmentation',
        reference_labels=(3,),
        two_pass=True,
        swi=True,
        parameters={'two_pass': {'quality': 0.7}, 'swi': {'power': 3.0}, 'vsharp': SMALL},
    )

    ran = run(settings, acquisition)

    echoes = load_echoes(acquisition)
    expected = reconstruct(
        echoes,
        background='vsharp',
        inversion='tikhonov',
        reference='segmentation',
        segmentation=torch.from_numpy(labels.astype(np.int32)),
        labels=(3,),
        two_pass=True,
        parameters={'two_pass': {'quality': 0.7}, 'vsharp': SMALL},
    )
    images = swi(echoes, mask=expected.mask, power=3.0)
    anat = settings.output_dir / 'sub-01' / 'anat'
    pairs = {
        'desc-tikhonov_Chimap': expected.chi.chi,
        'desc-swi_T2starw': images.swi,
        'desc-minip_T2starw': images.mip,
    }
    for name, volume in pairs.items():
        found = data(anat / f'sub-01_{name}.nii.gz')
        np.testing.assert_array_equal(found, volume.numpy(), err_msg=name)
    sidecar = json.loads((anat / 'sub-01_desc-tikhonov_Chimap.json').read_text())
    assert sidecar['ReferenceRegion'] == 'region of the segmentation with the value 3'
    assert sidecar['Sources'][-1].endswith(segmentation.name)
    stages = [step['stage'] for step in sidecar['Steps']]
    assert [stages.count(name) for name in ('inversion', 'first inversion', 'weighting')] == [
        1
    ] * 3
    assert len(ran) == 10
    assert (settings.output_dir / 'sub-01/figures/sub-01_desc-swi_MEGRE.png').is_file()
    # another quality changes the first pass, and what comes of it
    changed = {**settings.parameters, 'two_pass': {'quality': 0.72}}
    again = run(dataclasses.replace(settings, parameters=changed), acquisition)
    assert {'mask_run', 'first_background', 'combine_passes'} <= set(again)
    assert 'invert_dipole' not in again


@pytest.mark.slow
def test_sidecar_tells_every_step(settings):
    settings = dataclasses.replace(
        settings, inversion='tkd', parameters={'tkd': {'threshold': 0.125}}
    )
    run(settings, write_acquisition(settings.bids_dir))

    path = settings.output_dir / 'sub-01' / 'anat' / 'sub-01_desc-tkd_Chimap.json'
    sidecar = json.loads(path.read_text())

    steps = {step['stage']: step for step in sidecar['Steps']}
    assert list(steps) == [
        'masking',
        'phase offset',
        'unwrapping',
        'fieldmap',
        'relaxometry',
        'background',
        'inversion',
        'referencing',
    ]
    assert steps['inversion']['method'] == 'tkd'
    assert steps['inversion']['parameters']['threshold'] == 0.125
    assert steps['background']['parameters']['max_radius'] == 12.0
    assert steps['background']['reference'].startswith('10.1002/')
    assert sidecar['ReferenceRegion'] == 'whole mask'
    assert sidecar['QualityMeasures']['run_time_s'] > 0
    assert 0 < sidecar['QualityMeasures']['forward_residual_ratio'] < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'low_mem'),
    [('deepqsm', False), ('deepqsm', True), ('dipolenet', True), ('onestepnet', False)],
)
def test_a_network_runs_in_the_workflow_and_its_weights_are_recorded(settings, name, low_mem):
    settings = dataclasses.replace(settings, inversion=name, low_mem=low_mem)
    acquisition = write_acquisition(settings.bids_dir)

    run(settings, acquisition)

    path = settings.output_dir / 'sub-01' / 'anat' / f'sub-01_desc-{name}_Chimap.nii.gz'
    sidecar = json.loads(path.with_suffix('').with_suffix('.json').read_text())
    assert sidecar['Weights'] == {'name': name, 'sha256': read_card(name)['sha256']}
    expected = library(acquisition, settings).chi
    error = np.abs(data(path) - expected.chi.numpy()).max()
    # tiles change what the network sees at their borders
    is_tiled = low_mem and not sees_whole(name)
    assert error <= (0.1 * float(expected.chi.abs().max()) if is_tiled else 0)


@pytest.mark.slow
def test_one_step_and_background_by_networks_go_with_two_passes_and_uncertainty(settings):
    parameters = {'uncertainty': {'n_members': 2}, 'two_pass': {'quality': 0.7}}
    settings = dataclasses.replace(
        settings,
        background='backgroundnet',
        inversion='onestepnet',
        two_pass=True,
        uncertainty=True,
        parameters=parameters,
    )
    acquisition = write_acquisition(settings.bids_dir)

    run(settings, acquisition)

    expected = reconstruct(
        load_echoes(acquisition),
        background='backgroundnet',
        inversion='onestepnet',
        two_pass=True,
        uncertainty=True,
        parameters=parameters,
    )
    anat = settings.output_dir / 'sub-01' / 'anat'
    for desc, volume in (
        ('onestepnet', expected.chi.chi),
        ('onestepnetuncertainty', expected.uncertainty),
    ):
        found = data(anat / f'sub-01_desc-{desc}_Chimap.nii.gz')
        np.testing.assert_array_equal(found, volume.numpy(), err_msg=desc)
    steps = json.loads((anat / 'sub-01_desc-onestepnet_Chimap.json').read_text())['Steps']
    (step,) = [step for step in steps if step['stage'] == 'background']
    assert step['parameters']['weights_sha256'] == read_card('backgroundnet')['sha256']
    assert torch.equal(expected.mask, expected.local.mask)
