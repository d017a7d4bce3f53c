"""The uncertainty of a run: the library's, beside the map, in its record and in its report."""

import dataclasses
import json

import numpy as np
import pytest

from qsmnet_bids.pipeline import reconstruct
from qsmnet_bids.reports.captions import TITLES
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.records import find_sidecars
from qsmnet_bids.weights.cards import uncertainty_factor
from qsmnet_bids.workflows.subject import init_subject_wf
from tests.acquisitions import write_acquisition
from tests.workflows.running import SMALL, data, load_echoes, run

OPTIONS = {'n_members': 2, 'seed': 3}


@pytest.mark.parametrize('inversion', ['tikhonov', 'deepqsm'])
def test_it_takes_the_memory_of_one_inversion_and_a_little_more(settings, inversion):
    acquisition = write_acquisition(settings.bids_dir)
    settings = dataclasses.replace(settings, uncertainty=True, inversion=inversion)

    def memory(name, **changes):
        changed = dataclasses.replace(settings, **changes)
        workflow = init_subject_wf(acquisitions=[acquisition], settings=changed)
        return workflow.get_node(f'{acquisition.name}.{name}').mem_gb

    one, all_of_them = memory('invert_dipole'), memory('estimate_uncertainty')
    assert one < all_of_them < 1.5 * one
    many = {'uncertainty': {'n_members': 48}}
    assert memory('estimate_uncertainty', parameters=many) == all_of_them


@pytest.mark.parametrize('inversion', ['tikhonov', 'deepqsm'])
def test_a_network_has_the_factor_of_its_card(settings, inversion):
    acquisition = write_acquisition(settings.bids_dir)
    settings = dataclasses.replace(settings, uncertainty=True, inversion=inversion)
    workflow = init_subject_wf(acquisitions=[acquisition], settings=settings)
    node = workflow.get_node(f'{acquisition.name}.estimate_uncertainty')
    assert node.inputs.factor == uncertainty_factor(inversion)


@pytest.mark.slow
def test_it_equals_the_library_and_lies_beside_the_map(settings):
    acquisition = write_acquisition(settings.bids_dir)
    settings = dataclasses.replace(
        settings, uncertainty=True, inversion='tkd', parameters={'uncertainty': OPTIONS}
    )
    ran = run(settings, acquisition)

    expected = reconstruct(
        load_echoes(acquisition),
        background='vsharp',
        inversion='tkd',
        uncertainty=True,
        parameters={'uncertainty': OPTIONS},
    )
    anat = settings.output_dir / 'sub-01' / 'anat'
    pairs = {'tkd': expected.chi.chi, 'tkduncertainty': expected.uncertainty}
    for desc, volume in pairs.items():
        found = data(anat / f'sub-01_desc-{desc}_Chimap.nii.gz')
        np.testing.assert_array_equal(found, volume.numpy(), err_msg=desc)
    beside = json.loads((anat / 'sub-01_desc-tkduncertainty_Chimap.json').read_text())
    assert (beside['Units'], beside['Members'], beside['Seed']) == ('ppm', 2, 3)
    assert beside['Factor'] == 1.0
    assert any('background' in words for words in beside['DoesNotCover'])
    record = json.loads((anat / 'sub-01_desc-tkd_Chimap.json').read_text())
    assert record['Steps'][-1]['stage'] == 'uncertainty'
    assert record['Steps'][-1]['parameters']['n_members'] == 2
    inside = expected.uncertainty[expected.local.mask]
    measures = record['QualityMeasures']
    assert measures['uncertainty_ppm'] == pytest.approx(float(np.median(inside)))
    assert measures['uncertain_fraction'] == pytest.approx(float((inside > 0.03).float().mean()))
    assert TITLES['uncertainty'] in write_subject_report(settings.output_dir, '01').read_text()
    assert 'estimate_uncertainty' in ran

    # another inversion has its own, and what only the first needed is not done again
    again = run(dataclasses.replace(settings, inversion='tikhonov'), acquisition)
    assert not {'mask_run', 'fit_field', 'remove_background'} & set(again)
    names = sorted(path.name for path in anat.glob('*_Chimap.nii.gz'))
    descs = ('tikhonov', 'tikhonovuncertainty', 'tkd', 'tkduncertainty')
    assert names == [f'sub-01_desc-{desc}_Chimap.nii.gz' for desc in descs]
    kept = data(anat / 'sub-01_desc-tkduncertainty_Chimap.nii.gz')
    np.testing.assert_array_equal(kept, expected.uncertainty.numpy())
    assert len(list(find_sidecars(settings.output_dir))) == 2
    figures = settings.output_dir / 'sub-01' / 'figures'
    assert len(list(figures.glob('*_desc-uncertainty*.png'))) == 2


@pytest.mark.slow
def test_another_seed_redraws_and_the_map_stays(settings):
    acquisition = write_acquisition(settings.bids_dir)
    settings = dataclasses.replace(settings, uncertainty=True, parameters={'uncertainty': OPTIONS})
    anat, figures = (settings.output_dir / 'sub-01' / name for name in ('anat', 'figures'))
    run(settings, acquisition)
    before = data(anat / 'sub-01_desc-tikhonovuncertainty_Chimap.nii.gz')
    picture = figures / 'sub-01_desc-uncertaintytikhonov_MEGRE.png'
    drawn = picture.read_bytes()

    assert set(run(settings, acquisition)) == {'write_derivatives'}
    other = {'uncertainty': OPTIONS | {'seed': 4}}
    ran = run(dataclasses.replace(settings, parameters=other), acquisition)

    assert set(ran) == {'estimate_uncertainty', 'draw_figures', 'write_derivatives'}
    after = data(anat / 'sub-01_desc-tikhonovuncertainty_Chimap.nii.gz')
    assert not np.array_equal(before, after)
    assert picture.read_bytes() != drawn


@pytest.mark.slow
def test_two_passes_have_one_of_both(settings):
    acquisition = write_acquisition(settings.bids_dir)
    parameters = {'two_pass': {'quality': 0.7}, 'vsharp': SMALL, 'uncertainty': OPTIONS}
    settings = dataclasses.replace(
        settings, uncertainty=True, two_pass=True, parameters=parameters
    )
    ran = run(settings, acquisition)

    echoes = load_echoes(acquisition)
    expected = reconstruct(
        echoes,
        background='vsharp',
        inversion='tikhonov',
        two_pass=True,
        uncertainty=True,
        parameters=parameters,
    )
    anat = settings.output_dir / 'sub-01' / 'anat'
    for desc, volume in (
        ('tikhonov', expected.chi.chi),
        ('tikhonovuncertainty', expected.uncertainty),
    ):
        found = data(anat / f'sub-01_desc-{desc}_Chimap.nii.gz')
        np.testing.assert_array_equal(found, volume.numpy(), err_msg=desc)
    record = json.loads((anat / 'sub-01_desc-tikhonov_Chimap.json').read_text())
    stages = [step['stage'] for step in record['Steps']]
    assert stages[-2:] == ['first uncertainty', 'uncertainty']
    assert {'first_uncertainty', 'estimate_uncertainty'} <= set(ran)
