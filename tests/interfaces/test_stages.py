"""A node gives what its stage's function gives, bit for bit."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.bidsio.images import save_volume
from qsmnet_bids.errors import SettingsError
from qsmnet_bids.fieldmap.relaxometry import relaxometry
from qsmnet_bids.fieldmap.weighted_mean import weighted_mean
from qsmnet_bids.interfaces.estimate_uncertainty import EstimateUncertainty
from qsmnet_bids.interfaces.fit_field import FitField
from qsmnet_bids.interfaces.invert_dipole import InvertDipole
from qsmnet_bids.interfaces.mask_run import MaskRun
from qsmnet_bids.interfaces.remove_background import RemoveBackground
from qsmnet_bids.interfaces.specs import fingerprint
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.masking.threshold import threshold
from qsmnet_bids.quality import forward_residual
from qsmnet_bids.referencing import reference
from qsmnet_bids.uncertainty import ensemble


@pytest.fixture(scope='session')
def mask(echoes):
    return threshold(echoes)


@pytest.fixture(scope='session')
def total(echoes, mask):
    return weighted_mean(echoes, mask=mask, unwrapping='laplacian', offset_removal=False)


@pytest.fixture(scope='session')
def local(total):
    return vsharp(total, max_radius=8.0)


@pytest.fixture
def saved(tmp_path):
    """Save volumes as an upstream node would."""

    def save(**volumes):
        folder = tmp_path / 'upstream'
        folder.mkdir()
        for name, volume in volumes.items():
            np.save(folder / f'{name}.npy', volume.numpy())
        return {name: str(folder / f'{name}.npy') for name in volumes}

    return save


def run(interface, folder):
    """Run a node's interface and give its outputs, images as arrays."""
    outputs = interface.run(cwd=folder).outputs.get()
    images = {k: v for k, v in outputs.items() if isinstance(v, str) and v.endswith('.npy')}
    return outputs | {key: np.load(path) for key, path in images.items()}


def test_mask_run_is_its_method(tmp_path, echo_inputs, mask):
    outputs = run(MaskRun(method='threshold', **echo_inputs), tmp_path)
    np.testing.assert_array_equal(outputs['mask'], mask.numpy())
    assert outputs['mask'].dtype == np.bool_
    (step,) = outputs['steps']
    assert (step['stage'], step['method'], step['device']) == ('masking', 'threshold', 'cpu')


def test_what_mask_run_has_loaded_is_the_run(tmp_path, echo_inputs, echoes):
    outputs = run(MaskRun(method='threshold', **echo_inputs), tmp_path)
    for name in ('magnitude', 'phase'):
        np.testing.assert_array_equal(outputs[name], getattr(echoes, name).numpy())


def test_fingerprint_knows_the_data_and_their_scaling(tmp_path, echo_inputs):
    def fingerprint(**changed):
        return run(MaskRun(method='threshold', **echo_inputs | changed), tmp_path)['fingerprint']

    assert fingerprint() == fingerprint()
    assert fingerprint() != fingerprint(phase_sign=-1)
    assert fingerprint() != fingerprint(magnitude=echo_inputs['magnitude'][::-1])


def test_mask_run_takes_a_provided_mask_as_it_is(tmp_path, echo_inputs, mask, acquisition):
    given = mask & (torch.rand(mask.shape, generator=torch.Generator().manual_seed(0)) > 0.5)
    provided = tmp_path / 'provided.nii'
    save_volume(given, provided, like=acquisition.magnitude[0])
    outputs = run(MaskRun(provided=str(provided), **echo_inputs), tmp_path)
    np.testing.assert_array_equal(outputs['mask'], given.numpy())
    assert outputs['steps'][0]['method'] == 'provided'


def test_fit_field_is_its_methods(tmp_path, loaded_inputs, echoes, mask, total, saved):
    node = FitField(
        unwrapping='laplacian',
        parameters=json.dumps({'weighted_mean': {'offset_removal': False}}),
        **saved(mask=mask),
        **loaded_inputs,
    )

    outputs = run(node, tmp_path)

    decay = relaxometry(echoes, mask=mask)
    maps = {'field': total.field, 'noise': total.noise}
    maps['sum_of_squares'] = echoes.magnitude.square().sum(dim=0).sqrt()
    maps['unwrapped'] = total.unwrapped
    for name, expected in (vars(decay) | maps).items():
        np.testing.assert_allclose(outputs[name], expected.numpy(), rtol=1e-6, err_msg=name)
    stages = [step['stage'] for step in outputs['steps']]
    assert stages == ['unwrapping', 'fieldmap', 'relaxometry']  # no phase offset: switched off
    assert outputs['steps'][1]['parameters']['offset_removal'] is False


def test_remove_background_is_its_method(tmp_path, total, local, geometry, saved):
    node = RemoveBackground(
        method='vsharp',
        parameters=json.dumps({'vsharp': {'max_radius': 8.0}}),
        **saved(field=total.field, noise=total.noise, mask=total.mask),
        **geometry,
    )

    outputs = run(node, tmp_path)

    for name in ('field', 'noise', 'mask'):
        np.testing.assert_array_equal(outputs[name], getattr(local, name).numpy(), err_msg=name)
    assert outputs['steps'][0]['parameters']['max_radius'] == 8.0


@pytest.mark.parametrize('region', ['mask', 'none'])
def test_invert_dipole_is_its_method(tmp_path, local, geometry, saved, region):
    node = InvertDipole(
        method='tkd',
        reference=region,
        parameters=json.dumps({'tkd': {'threshold': 0.1}}),
        **saved(field=local.field, noise=local.noise, mask=local.mask),
        **geometry,
    )

    outputs = run(node, tmp_path)

    inverted = tkd(local, threshold=0.1)
    expected = reference(inverted, region=region)
    np.testing.assert_array_equal(outputs['chi'], expected.chi.numpy())
    residual = forward_residual(inverted, local=local)
    np.testing.assert_array_equal(outputs['residual'], residual.numpy())
    assert [step['stage'] for step in outputs['steps']] == ['inversion', 'referencing']
    assert outputs['quality']['chi_p05'] <= outputs['quality']['chi_p95']


def test_device_that_is_not_there_is_the_users_to_mend(tmp_path, echo_inputs):
    absent = f'cuda:{torch.cuda.device_count()}'
    with pytest.raises(SettingsError, match=rf'--device {absent}.*--device auto'):
        MaskRun(device=absent, **echo_inputs).run(cwd=tmp_path)


def test_threads_are_those_asked_for(tmp_path, echo_inputs):
    before = torch.get_num_threads()
    try:
        MaskRun(method='threshold', omp_nthreads=before + 1, **echo_inputs).run(cwd=tmp_path)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    'interface', [MaskRun, FitField, RemoveBackground, InvertDipole, EstimateUncertainty]
)
def test_hash_knows_version_and_parameters_but_not_threads(interface):
    def hashed(**inputs):
        return interface(**inputs).inputs.get_hashval(hash_method='content')[1]

    assert hashed(omp_nthreads=1, use_gpu=False) == hashed(omp_nthreads=7, use_gpu=True)
    assert hashed(version='1') != hashed(version='2')
    first, second = (json.dumps({'tkd': {'threshold': value}}) for value in (1e-12, 2e-12))
    assert hashed(parameters=first) != hashed(parameters=second)
    assert hashed(method='one') != hashed(method='two')


@pytest.mark.parametrize(
    'interface', [FitField, RemoveBackground, InvertDipole, EstimateUncertainty]
)
def test_hash_knows_what_came_before_by_its_fingerprint(interface):
    hashes = {fingerprint(interface(fingerprint=before).inputs) for before in ('one', 'two')}
    assert len(hashes) == 2


def test_hash_knows_the_networks_weights():
    hashes = {
        node(weights_sha256=value).inputs.get_hashval(hash_method='content')[1]
        for value in ('', 'ab', 'cd')
        for node in (RemoveBackground, InvertDipole, EstimateUncertainty)
    }
    assert len(hashes) == 9


def test_estimate_uncertainty_is_its_function(tmp_path, local, geometry, saved):
    node = EstimateUncertainty(
        method='tkd',
        factor=1.5,
        parameters=json.dumps({'tkd': {'threshold': 0.1}, 'uncertainty': {'n_members': 2}}),
        **saved(field=local.field, noise=local.noise, mask=local.mask),
        **geometry,
    )

    outputs = run(node, tmp_path)

    alone = dataclasses.replace(local, removed=None)
    found = ensemble(
        alone, method=lambda copy: tkd(copy, threshold=0.1).chi, n_members=2, factor=1.5
    )
    np.testing.assert_array_equal(outputs['uncertainty'], found.deviation.numpy())
    (step,) = outputs['steps']
    assert (step['stage'], step['method']) == ('uncertainty', 'uncertainty')
    assert step['parameters'] == {
        'n_members': 2,
        'seed': 0,
        'model_error': True,
        'factor': 1.5,
    }
    inside = found.deviation[local.mask]
    assert outputs['quality'] == {
        'uncertainty_ppm': pytest.approx(float(np.median(inside))),
        'uncertain_fraction': pytest.approx(float((inside > 0.03).float().mean())),
    }


def test_interfaces_leave_files_in_their_folder_only(tmp_path, echo_inputs, monkeypatch):
    elsewhere, folder = tmp_path / 'elsewhere', tmp_path / 'node'
    elsewhere.mkdir()
    folder.mkdir()
    monkeypatch.chdir(elsewhere)
    MaskRun(method='threshold', **echo_inputs).run(cwd=folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        'magnitude.npy',
        'mask.npy',
        'phase.npy',
    ]
    assert not list(elsewhere.iterdir())
    assert Path.cwd() == elsewhere
