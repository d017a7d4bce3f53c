"""What a run leaves in the output dataset."""

import json

import nibabel as nib
import numpy as np
import pytest

from qsmnet_bids.interfaces.draw_figures import DrawFigures
from qsmnet_bids.interfaces.steps import Step
from qsmnet_bids.interfaces.write_derivatives import WriteDerivatives


def step(stage, method, **values):
    return Step(stage, method, **values).as_dict()


STEPS = {
    'mask_steps': [step('masking', 'combined', seconds=1.0)],
    'field_steps': [
        step('unwrapping', 'best_path'),
        step('fieldmap', 'weighted_mean', seconds=2.0),
    ],
    'background_steps': [step('background', 'vsharp', seconds=4.0, warnings=('Look out.',))],
    'inversion_steps': [step('inversion', 'tkd', seconds=8.0), step('referencing', 'none')],
}


@pytest.fixture
def maps(tmp_path, acquisition, rng):
    folder = tmp_path / 'work'
    folder.mkdir()
    files = {}
    for name in ('chi', 'total', 'local', 'r2star'):
        array = rng.normal(size=acquisition.shape).astype(np.float32)
        np.save(folder / f'{name}.npy', array)
        files[name] = str(folder / f'{name}.npy')
    np.save(folder / 'mask.npy', rng.random(acquisition.shape) > 0.5)
    return files | {'mask': str(folder / 'mask.npy')}


@pytest.fixture
def written(tmp_path, acquisition, maps):
    bids_dir = acquisition.magnitude[0].parents[2]
    node = WriteDerivatives(
        acquisition=acquisition,
        bids_dir=str(bids_dir),
        output_dir=str(tmp_path / 'out'),
        quality={'chi_sd': 0.5},
        weights={'name': 'tkd', 'sha256': 'ab'},
        **STEPS,
        **maps,
    )
    (tmp_path / 'node').mkdir()
    node.run(cwd=tmp_path / 'node')
    return tmp_path / 'out' / 'sub-01'


def test_maps_arrive_bit_for_bit_on_the_inputs_grid(written, maps, acquisition):
    names = {
        'chi': 'anat/sub-01_desc-tkd_Chimap',
        'mask': 'anat/sub-01_desc-brain_mask',
        'r2star': 'anat/sub-01_R2starmap',
        'total': 'fmap/sub-01_desc-total_fieldmap',
        'local': 'fmap/sub-01_desc-local_fieldmap',
    }
    for key, name in names.items():
        image = nib.load(written / f'{name}.nii.gz')
        np.testing.assert_array_equal(image.dataobj, np.load(maps[key]))
        np.testing.assert_array_equal(image.affine, nib.load(acquisition.magnitude[0]).affine)
        assert (written / f'{name}.json').is_file()


def test_fields_have_the_magnitude_beside_them_that_bids_wants(written, acquisition):
    expected = np.sqrt(sum(nib.load(p).get_fdata() ** 2 for p in acquisition.magnitude))
    for kind in ('total', 'local'):
        image = nib.load(written / f'fmap/sub-01_desc-{kind}_magnitude.nii.gz')
        np.testing.assert_allclose(image.get_fdata(), expected, rtol=1e-6)


def test_record_holds_all_steps_in_order(written):
    record = json.loads((written / 'anat/sub-01_desc-tkd_Chimap.json').read_text())
    methods = [entry['method'] for entry in record['Steps']]
    assert methods == ['combined', 'best_path', 'weighted_mean', 'vsharp', 'tkd', 'none']
    assert record['QualityMeasures'] == {'chi_sd': 0.5, 'run_time_s': 15.0}
    assert record['Warnings'] == ['Look out.']
    assert record['Weights'] == {'name': 'tkd', 'sha256': 'ab'}
    assert record['ReferenceRegion'] == 'none'
    assert record['Steps'][3]['reference'] == '10.1002/mrm.23000'


def test_no_half_written_file_stays(written):
    assert not [path for path in written.rglob('*') if path.name.startswith(('.', 'tmp'))]


def test_figures_are_drawn_into_the_nodes_folder(tmp_path, acquisition, loaded_inputs, maps):
    folder = tmp_path / 'node'
    folder.mkdir()
    given = {key: maps[key] for key in ('mask', 'total', 'local', 'chi')}
    node = DrawFigures(
        name=acquisition.name,
        inversion='tkd',
        like=str(acquisition.magnitude[0]),
        **given,
        **loaded_inputs,
    )
    figures = node.run(cwd=folder).outputs.figures
    assert sorted(figures) == sorted(str(path) for path in folder.iterdir())
    assert str(folder / 'sub-01_desc-chitkd_MEGRE.png') in figures
