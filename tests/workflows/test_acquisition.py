"""The graph gives what the library gives, bit for bit, and computes nothing twice."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.settings import Settings
from qsmnet_bids.swi import swi
from qsmnet_bids.weights.cards import read_card
from qsmnet_bids.workflows.dataset import init_dataset_wf
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.subject import init_subject_wf
from tests.acquisitions import write_acquisition
from tests.wiring import assert_wired

SMALL = {'max_radius': 6.0}
"""Of V-SHARP, in so small a head."""


@pytest.fixture
def settings(tmp_path):
    return Settings(
        bids_dir=tmp_path / 'bids',
        output_dir=tmp_path / 'out',
        work_dir=tmp_path / 'work',
        omp_nthreads=1,
        n_procs=2,
    )


def run(settings, *acquisitions):
    """Run all and give the names of the nodes that ran."""
    log_file = configure(log_dir=settings.output_dir / 'logs')
    subjects = {acquisition.subject for acquisition in acquisitions}
    workflows = [
        init_subject_wf(
            acquisitions=[each for each in acquisitions if each.subject == subject],
            settings=settings,
        )
        for subject in sorted(subjects)
    ]
    workflow = init_dataset_wf(subject_workflows=workflows, work_dir=settings.work_dir)
    assert_wired(workflow)
    started = []
    plugin = SafeMultiProcPlugin(
        {
            'n_procs': settings.n_procs,
            'memory_gb': 8.0,
            'log_file': log_file,
            'status_callback': lambda node, what: what == 'start' and started.append(node.name),
        }
    )
    assert execute(workflow, plugin=plugin) == []
    return sorted(started)


def load_echoes(acquisition):
    return load_multi_echo(
        acquisition.magnitude,
        acquisition.phase,
        echo_times=acquisition.echo_times,
        b0=acquisition.b0,
        b0_dir=acquisition.b0_dir,
        voxel_size=acquisition.voxel_size,
        phase_slope=acquisition.phase_slope,
        phase_intercept=acquisition.phase_intercept,
        phase_sign=acquisition.phase_sign,
    )


def library(acquisition, settings):
    echoes = load_echoes(acquisition)
    return reconstruct(echoes, inversion=settings.inversion, parameters=settings.parameters)


def data(path):
    return np.asarray(nib.load(path).dataobj)


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
    assert len(list((settings.output_dir / 'sub-01' / 'figures').glob('*.png'))) == 8
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
def test_what_does_not_suit_the_data_is_told_in_a_sentence(settings):
    acquisition = write_acquisition(settings.bids_dir)
    settings = dataclasses.replace(settings, reference='csf', parameters={'vsharp': SMALL})
    log_file = configure(log_dir=settings.output_dir / 'logs')
    workflow = init_dataset_wf(
        subject_workflows=[init_subject_wf(acquisitions=[acquisition], settings=settings)],
        work_dir=settings.work_dir,
    )
    (failure,) = execute(
        workflow, plugin=SafeMultiProcPlugin({'n_procs': 2, 'log_file': log_file})
    )
    assert failure.step == 'invert_dipole'
    assert failure.cause.startswith('only ')
    assert "needed for region 'csf'; choose another" in failure.cause


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
def test_second_run_computes_nothing_and_writes_again(settings):
    acquisition = write_acquisition(settings.bids_dir)
    first = run(settings, acquisition)
    chimap = settings.output_dir / 'sub-01' / 'anat' / 'sub-01_desc-tikhonov_Chimap.nii.gz'
    figure = settings.output_dir / 'sub-01' / 'figures' / 'sub-01_desc-chitikhonov_MEGRE.png'
    content = chimap.read_bytes()
    chimap.unlink()
    figure.unlink()

    second = run(settings, acquisition)

    assert len(first) == 6
    assert second == ['write_derivatives']
    assert chimap.read_bytes() == content
    assert figure.is_file()


@pytest.mark.slow
def test_changed_parameter_recomputes_what_depends_on_it(settings):
    acquisition = write_acquisition(settings.bids_dir)
    run(settings, acquisition)

    settings = dataclasses.replace(settings, parameters={'tikhonov': {'alpha': 0.1}})
    assert run(settings, acquisition) == ['draw_figures', 'invert_dipole', 'write_derivatives']
    settings = dataclasses.replace(settings, parameters={}, background='vsharp')
    acquisition = dataclasses.replace(acquisition, warnings=('made of snow',))
    assert run(settings, acquisition) == ['draw_figures', 'invert_dipole', 'write_derivatives']
    settings = dataclasses.replace(settings, omp_nthreads=2)
    assert run(settings, acquisition) == ['write_derivatives']


@pytest.mark.slow
def test_changed_input_counts_by_its_content(settings):
    acquisition = write_acquisition(settings.bids_dir)
    run(settings, acquisition)
    path = acquisition.phase[0]
    path.write_bytes(path.read_bytes())  # a new time, the same content
    assert run(settings, acquisition) == ['write_derivatives']

    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[::-1].copy(), image.affine), path)
    assert len(run(settings, acquisition)) == 6


@pytest.mark.slow
def test_failed_run_names_itself_and_spares_the_others(settings):
    good, bad = (write_acquisition(settings.bids_dir, subject=label) for label in ('01', '02'))
    bad.magnitude[1].write_bytes(b'not an image')
    log_file = configure(log_dir=settings.output_dir / 'logs')
    workflows = [init_subject_wf(acquisitions=[each], settings=settings) for each in (good, bad)]
    workflow = init_dataset_wf(subject_workflows=workflows, work_dir=settings.work_dir)

    (failure,) = execute(
        workflow, plugin=SafeMultiProcPlugin({'n_procs': 2, 'log_file': log_file})
    )

    assert (failure.run, failure.step) == ('sub-02', 'mask_run')
    assert bad.magnitude[1].name in failure.cause
    assert Path(failure.crash_file).is_file()
    assert (settings.output_dir / 'sub-01/anat/sub-01_desc-tikhonov_Chimap.json').is_file()
    assert not (settings.output_dir / 'sub-02').exists()


def test_building_the_graph_leaves_torch_alone(settings):
    acquisition = write_acquisition(settings.bids_dir)
    code = f"""
import sys
from pathlib import Path, PosixPath
from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.settings import Settings
from qsmnet_bids.workflows.dataset import init_dataset_wf
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.subject import init_subject_wf
configure(log_dir=Path({str(settings.output_dir)!r}))
workflow = init_subject_wf(acquisitions=[{acquisition!r}], settings={settings!r})
init_dataset_wf(subject_workflows=[workflow], work_dir=Path('w'))._create_flat_graph()
SafeMultiProcPlugin({{'n_procs': 1}})
sys.exit('torch' in sys.modules)
"""
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize('low_mem', [False, True])
def test_a_network_runs_in_the_workflow_and_its_weights_are_recorded(settings, low_mem):
    settings = dataclasses.replace(settings, inversion='deepqsm', low_mem=low_mem)
    acquisition = write_acquisition(settings.bids_dir)

    run(settings, acquisition)

    path = settings.output_dir / 'sub-01' / 'anat' / 'sub-01_desc-deepqsm_Chimap.nii.gz'
    sidecar = json.loads(path.with_suffix('').with_suffix('.json').read_text())
    assert sidecar['Weights'] == {'name': 'deepqsm', 'sha256': read_card('deepqsm')['sha256']}
    expected = library(acquisition, settings).chi
    error = np.abs(data(path) - expected.chi.numpy()).max()
    # tiles change what the network sees at their borders
    assert error <= (0.1 * float(expected.chi.abs().max()) if low_mem else 0)
