import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.bidsio.derivatives import write_bidsignore, write_dataset_description
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.bidsio.region_tables import read_regions
from qsmnet_bids.workflows.acquisition import init_acquisition_wf
from qsmnet_bids.workflows.methods import Methods
from tests.acquisitions import B0, ECHO_TIMES, write_acquisition
from tests.wiring import assert_wired

METHODS = Methods(
    masking='threshold',
    unwrapping='laplacian',
    fieldmap='weighted_mean',
    background='vsharp',
    inversion='tkd',
    reference='mask',
    parameters={'vsharp': {'max_radius': 6.0}},
)


@pytest.fixture
def acquisition(tmp_path):
    made = write_acquisition(tmp_path / 'bids')
    labels = np.zeros(made.shape, dtype=np.int16)
    labels[10:18, 12:20, 8:16] = 3
    folder = tmp_path / 'fs' / 'sub-01' / 'anat'
    folder.mkdir(parents=True)
    image = nib.Nifti1Image(labels, nib.load(made.magnitude[0]).affine)
    nib.save(image, folder / 'sub-01_desc-aseg_dseg.nii.gz')
    table = folder / 'sub-01_desc-aseg_dseg.tsv'
    table.write_text('index\tname\n3\tbox\n4\tnowhere\n')
    return dataclasses.replace(
        made, segmentation=folder / 'sub-01_desc-aseg_dseg.nii.gz', region_names=table
    )


def workflow_of(acquisition, folder):
    return init_acquisition_wf(
        acquisition=acquisition,
        methods=METHODS,
        bids_dir=folder / 'bids',
        output_dir=folder / 'out',
    )


def test_regions_cost_nothing_unless_asked_for(acquisition, tmp_path):
    without = dataclasses.replace(acquisition, region_names=None)
    assert 'measure_regions' not in workflow_of(without, tmp_path).list_node_names()
    workflow = workflow_of(acquisition, tmp_path)
    assert 'measure_regions' in workflow.list_node_names()
    assert_wired(workflow)


def test_preflight_finds_image_and_names(acquisition, tmp_path):
    for image in acquisition.magnitude + acquisition.phase:
        echo = int(image.name.split('_echo-')[1][0])
        sidecar = {'EchoTime': ECHO_TIMES[echo - 1], 'MagneticFieldStrength': B0, 'Units': 'rad'}
        path = image.with_name(image.name.replace('.nii.gz', '.json'))
        path.write_text(json.dumps(sidecar))
    (run,) = find_runs(tmp_path / 'bids', validate=False)
    (found,) = check(
        [run], bids_dir=tmp_path / 'bids', derivatives={'fs': tmp_path / 'fs'}, segmentation='aseg'
    ).acquisitions
    expected = (acquisition.segmentation, acquisition.region_names)
    assert (found.segmentation, found.region_names) == expected


@pytest.mark.slow
def test_table_lies_beside_the_map_it_is_of(acquisition, tmp_path):
    workflow = workflow_of(acquisition, tmp_path)
    workflow.base_dir = str(tmp_path / 'work')
    workflow.run(plugin='Linear')
    folder = tmp_path / 'out' / 'sub-01' / 'anat'
    (row,) = read_regions(folder / 'sub-01_seg-aseg_desc-tkd_stats.tsv')
    chi = nib.load(folder / 'sub-01_desc-tkd_Chimap.nii.gz').get_fdata()[10:18, 12:20, 8:16]
    known = chi[chi != 0]
    assert int(row['n_voxels']) == known.size > 0
    assert float(row['chi_median']) == pytest.approx(np.median(known), rel=1e-4)
    assert float(row['r2star_mean']) > 0
    dictionary = json.loads((folder / 'sub-01_seg-aseg_desc-tkd_stats.json').read_text())
    assert dictionary['AbsentRegions'] == ['nowhere']
    write_dataset_description(tmp_path / 'out', bids_dir=tmp_path / 'bids')
    write_bidsignore(tmp_path / 'out')
    validator = Path(sys.executable).with_name('bids-validator-deno')
    command = [shutil.which('bids-validator-deno') or str(validator), str(tmp_path / 'out')]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
