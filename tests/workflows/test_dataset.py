"""Nothing is computed twice, and a run that fails spares the others."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.workflows.dataset import init_dataset_wf
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.subject import init_subject_wf
from tests.acquisitions import write_acquisition
from tests.workflows.running import SMALL, run


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
