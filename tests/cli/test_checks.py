"""What must be there before the work, and the validity of the output."""

import json

import pytest

from qsmnet_bids.cli.checks import check_device, find_validator, validate
from qsmnet_bids.errors import SettingsError


@pytest.mark.parametrize('name', ['auto', 'cpu'])
def test_no_gpu_is_sought_without_demand(name, monkeypatch):
    monkeypatch.setattr('subprocess.run', None)  # a look would fail
    check_device(name)


def test_gpu_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match='--device cuda:63: torch finds'):
        check_device('cuda:63')


def test_validator_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr('sys.executable', str(tmp_path / 'python'))
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(SettingsError, match='pip install bids-validator-deno'):
        find_validator()


@pytest.mark.slow
def test_validator_finds_what_is_wrong(template, raw):
    assert validate(template) == []
    description = raw / 'dataset_description.json'
    description.write_text(json.dumps({'Name': 'no version'}))
    (raw / 'sub-01' / 'anat' / 'sub-01_unknown.nii.gz').write_bytes(b'')
    lines = validate(raw)
    assert any('BIDSVersion' in line for line in lines)
    assert any('sub-01_unknown.nii.gz' in line for line in lines)
