"""Where results go, and what the output dataset says about itself."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmnet_bids import __version__
from qsmnet_bids.bidsio import derivatives, sidecars
from qsmnet_bids.bidsio.atomic import write_json, write_text
from qsmnet_bids.bidsio.derivatives import (
    bids_uri,
    derivative_path,
    write_bidsignore,
    write_dataset_description,
)
from qsmnet_bids.bidsio.nifti import write_image
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.errors import InputError

OUT = Path('/out')


@pytest.mark.parametrize(
    ('entities', 'options', 'expected'),
    [
        ({'sub': '1'}, {'suffix': 'R2starmap'}, 'sub-1/anat/sub-1_R2starmap.nii.gz'),
        (
            {'run': '02', 'acq': 'a', 'ses': 'b', 'sub': '1', 'rec': 'n'},
            {'suffix': 'Chimap', 'desc': 'tkd'},
            'sub-1/ses-b/anat/sub-1_ses-b_acq-a_rec-n_run-02_desc-tkd_Chimap.nii.gz',
        ),
        (
            {'sub': '1', 'ses': 'b'},
            {'suffix': 'fieldmap', 'desc': 'total', 'datatype': 'fmap', 'extension': '.json'},
            'sub-1/ses-b/fmap/sub-1_ses-b_desc-total_fieldmap.json',
        ),
        (
            {'sub': '1', 'acq': 'x', 'ce': 'gd', 'rec': 'n', 'run': '1'},
            {'suffix': 'fieldmap', 'desc': 'local', 'datatype': 'fmap'},
            'sub-1/fmap/sub-1_acq-xcegdrecn_run-1_desc-local_fieldmap.nii.gz',
        ),
        (
            {'sub': '1', 'ses': 'b'},
            {'suffix': 'MEGRE', 'desc': 'chi', 'datatype': 'figures', 'extension': '.png'},
            'sub-1/figures/sub-1_ses-b_desc-chi_MEGRE.png',
        ),
    ],
)
def test_paths(entities, options, expected):
    assert derivative_path(OUT, entities, **options) == OUT / expected


@given(
    key=st.sampled_from(['sub', 'ses', 'acq', 'run', 'desc', 'suffix', 'datatype', 'extension']),
    value=st.text(st.sampled_from('./\\a1-_\0\n~'), min_size=1, max_size=6),
)
def test_no_value_leads_out_of_the_output_folder(key, value):
    entities = {'sub': '1'} | ({key: value} if key in ('sub', 'ses', 'acq', 'run') else {})
    options = {'suffix': 'Chimap'} | ({key: value} if key not in entities else {})
    try:
        path = derivative_path(OUT, entities, **options)
    except ValueError:
        return
    assert path.resolve().is_relative_to(OUT / f'sub-{entities["sub"]}')
    assert len(path.relative_to(OUT).parts) == 3 + ('ses' in entities)


def test_subject_is_needed():
    with pytest.raises(ValueError, match='must name the subject'):
        derivative_path(OUT, {'ses': '1'}, suffix='Chimap')


def test_bids_uri_of_a_linked_file_names_the_link(tmp_path):
    content = tmp_path / 'raw' / '.git' / 'annex' / 'x.nii.gz'
    content.parent.mkdir(parents=True)
    content.touch()
    link = tmp_path / 'raw' / 'sub-01' / 'anat' / 'sub-01_MEGRE.nii.gz'
    link.parent.mkdir(parents=True)
    link.symlink_to(content)
    assert bids_uri(link, tmp_path / 'raw') == 'bids:raw:sub-01/anat/sub-01_MEGRE.nii.gz'
    assert bids_uri(tmp_path / 'other' / 'm.nii.gz', tmp_path / 'raw').startswith('file:///')


def read(path):
    return json.loads(path.read_text())


def test_description(tmp_path, monkeypatch):
    monkeypatch.setenv('QSMNET_BIDS_CONTAINER', 'docker:qsmnet-bids:1.2.3')
    raw, out = tmp_path / 'my data', tmp_path / 'my data' / 'derivatives' / 'qsmnet-bids'
    write_json(
        raw / 'dataset_description.json',
        {'Name': 'x', 'BIDSVersion': '1.10.0', 'License': 'CC0', 'DatasetDOI': 'doi:10.1/2'},
    )
    assert write_dataset_description(out, bids_dir=raw) == []
    content = read(out / 'dataset_description.json')
    assert content['DatasetType'] == 'derivative'
    (entry,) = content['GeneratedBy']
    assert (entry['Name'], entry['Version']) == ('qsmnet-bids', __version__)
    assert entry['Container'] == {'Type': 'docker', 'Tag': 'qsmnet-bids:1.2.3'}
    assert content['DatasetLinks'] == {'raw': '../..'}
    assert content['SourceDatasets'] == [{'URL': '../..', 'DOI': 'doi:10.1/2'}]
    assert content['License'] == 'CC0'
    assert 'HowToAcknowledge' in content
    before = (out / 'dataset_description.json').read_bytes()
    write_dataset_description(out, bids_dir=raw)
    assert (out / 'dataset_description.json').read_bytes() == before


def test_description_links_a_dataset_elsewhere_by_uri(tmp_path, monkeypatch):
    monkeypatch.delenv('QSMNET_BIDS_CONTAINER', raising=False)
    write_dataset_description(tmp_path / 'out', bids_dir=tmp_path / 'my data')
    content = read(tmp_path / 'out' / 'dataset_description.json')
    assert content['DatasetLinks']['raw'] == (tmp_path / 'my data').as_uri()
    assert 'Container' not in content['GeneratedBy'][0]


def test_code_url_comes_from_the_package(monkeypatch, tmp_path):
    declared = {'qsmnet-bids': ['Homepage, https://a.org', 'Repository, https://b.org']}

    class Declared:
        def get_all(self, _):
            return declared['qsmnet-bids']

    monkeypatch.setattr(derivatives, 'metadata', lambda _: Declared())
    write_dataset_description(tmp_path, bids_dir=tmp_path / 'raw')
    content = read(tmp_path / 'dataset_description.json')
    assert content['GeneratedBy'][0]['CodeURL'] == 'https://b.org'


def test_results_of_another_version_are_kept_in_mind(tmp_path):
    path = tmp_path / 'dataset_description.json'
    write_json(path, {'GeneratedBy': [{'Name': 'qsmnet-bids', 'Version': '0.0.1'}]})
    (warning,) = write_dataset_description(tmp_path, bids_dir=tmp_path / 'raw')
    assert '0.0.1' in warning
    assert __version__ in warning
    versions = [entry['Version'] for entry in read(path)['GeneratedBy']]
    assert versions == [__version__, '0.0.1']


@pytest.mark.parametrize('content', ['{"Name": "x"}', '{"GeneratedBy": [{"Name": "fMRIPrep"}]}'])
def test_a_foreign_dataset_is_not_written_into(tmp_path, content):
    path = tmp_path / 'dataset_description.json'
    path.write_text(content)
    with pytest.raises(InputError, match='GeneratedBy: not a dataset of qsmnet-bids; choose'):
        write_dataset_description(tmp_path, bids_dir=tmp_path / 'raw')
    assert path.read_text() == content


def test_damaged_description(tmp_path):
    (tmp_path / 'dataset_description.json').write_text('{')
    with pytest.raises(InputError, match='cannot be read'):
        write_dataset_description(tmp_path, bids_dir=tmp_path / 'raw')


def test_bidsignore_keeps_what_the_user_wrote(tmp_path):
    (tmp_path / '.bidsignore').write_text('mine\nfigures\n')
    write_bidsignore(tmp_path)
    write_bidsignore(tmp_path)
    lines = (tmp_path / '.bidsignore').read_text().splitlines()
    assert lines[:2] == ['mine', 'figures']
    assert sorted(lines) == sorted({'mine', *derivatives.BIDSIGNORE})


def write_all(acquisition, bids_dir: Path, output_dir: Path) -> None:
    """Write every derivative that there is."""
    result = sidecars.Reconstructed(
        inversion='tikhonov',
        algorithm='Closed form',
        reference='B. Kressler et al.',
        steps=[{'stage': 'inversion', 'method': 'tikhonov', 'parameters': {'a': 0.1}}],
        reference_region='mask',
        quality={'chi_sd': 0.04, 'chi_p50': float('nan')},
        weights={'name': 'deepqsm', 'sha256': '0' * 64},
    )
    outputs = [
        ('Chimap', 'tikhonov', 'anat', sidecars.chimap(acquisition, result, bids_dir=bids_dir)),
        ('mask', 'brain', 'anat', sidecars.mask(acquisition, method='m', bids_dir=bids_dir)),
    ]
    for quantity in ('R2starmap', 'T2starmap', 'S0map'):
        content = sidecars.relaxation_map(acquisition, quantity, reference='r', bids_dir=bids_dir)
        outputs.append((quantity, None, 'anat', content))
    for kind in ('total', 'local'):
        content = sidecars.field_map(acquisition, kind, method='m', bids_dir=bids_dir)
        outputs.append(('fieldmap', kind, 'fmap', content))
        content = sidecars.field_magnitude(acquisition, bids_dir=bids_dir)
        outputs.append(('magnitude', kind, 'fmap', content))
    array = np.linspace(0, 1, int(np.prod(acquisition.shape))).reshape(acquisition.shape)
    for suffix, desc, datatype, content in outputs:
        options = {'suffix': suffix, 'desc': desc, 'datatype': datatype}
        path = derivative_path(output_dir, acquisition.entities, **options)
        write_image(path, array > 0.5 if suffix == 'mask' else array, like=acquisition.phase[0])
        beside = derivative_path(output_dir, acquisition.entities, extension='.json', **options)
        write_json(beside, content)
    for name in (f'sub-{acquisition.subject}/figures/x.png', 'sub-01.html', 'group_megre.tsv'):
        write_text(output_dir / name, 'x')
    for name in ('logs/CITATION.md', 'logs/run.toml', 'group.html', 'group_megre.json'):
        write_text(output_dir / name, '{}')


@pytest.mark.slow
def test_the_real_validator_accepts_the_output(dataset, tmp_path):
    for name in ('sub-01_ses-a_acq-x_rec-n_run-1', 'sub-02'):
        dataset.add_run(name, FlipAngle=15, RepetitionTime=0.03)
    output_dir = tmp_path / 'qsmnet-bids'
    write_dataset_description(output_dir, bids_dir=dataset.root)
    write_bidsignore(output_dir)
    first, second = check(find_runs(dataset.root), bids_dir=dataset.root).acquisitions
    write_all(first, dataset.root, output_dir)
    write_all(replace(second, mask=tmp_path / 'masks' / 'm.nii.gz'), dataset.root, output_dir)
    validator = Path(sys.executable).with_name('bids-validator-deno')
    command = [shutil.which('bids-validator-deno') or str(validator), str(output_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(output_dir.glob('sub-*/**/*.nii.gz'))) == 2 * 9
