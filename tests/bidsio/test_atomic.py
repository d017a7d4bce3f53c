"""A file is whole or not there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from qsmnet_bids.bidsio.atomic import remove_leftovers, whole_file, write_bytes, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_makes_folders_and_replaces(tmp_path):
    path = tmp_path / 'a' / 'b' / 'file.txt'
    write_bytes(path, b'old')
    write_bytes(path, b'new')
    assert path.read_bytes() == b'new'
    assert names(path.parent) == ['file.txt']


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / 'file.txt'
    write_bytes(path, b'old')
    seen = []

    def interrupt(*_):
        seen.extend(names(tmp_path))
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, 'fsync') if step == 'fsync' else (Path, 'replace')), interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b'new')
    (temporary,) = set(seen) - {'file.txt'}
    assert temporary.startswith('.')
    assert names(tmp_path) == ['file.txt']
    assert path.read_bytes() == b'old'


def test_interrupted_first_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', interrupt)
    with pytest.raises(OSError, match='No space left') as told:
        write_bytes(tmp_path / 'file.txt', b'new')
    assert told.value.filename == str(tmp_path / 'file.txt')
    assert names(tmp_path) == []


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_bytes(tmp_path / 'file.txt', b'')
    finally:
        os.umask(old)
    assert (tmp_path / 'file.txt').stat().st_mode & 0o777 == 0o640


def test_json_of_what_the_stages_hold(tmp_path):
    content = {
        'array': np.array([1.5, np.nan]),
        'scalar': np.float32(0.5),
        'infinite': float('inf'),
        'tuple': (1, 2),
        'path': Path('a/b'),
        'nested': {'μ': [np.int64(3), True, None]},
    }
    write_json(tmp_path / 'x.json', content)
    assert json.loads((tmp_path / 'x.json').read_text(encoding='utf-8')) == {
        'array': [1.5, None],
        'scalar': 0.5,
        'infinite': None,
        'tuple': [1, 2],
        'path': 'a/b',
        'nested': {'μ': [3, True, None]},
    }


def test_json_refuses_what_it_cannot_say(tmp_path):
    with pytest.raises(TypeError, match='set is not JSON serializable'):
        write_json(tmp_path / 'x.json', {'set': {1}})
    assert names(tmp_path) == []


def test_leftover_of_a_dead_writer_is_removed_and_what_is_being_written_stays(tmp_path):
    leftover = tmp_path / '.map.nii.gz.1-00000000.tmp'
    leftover.write_bytes(b'half')
    with whole_file(tmp_path / 'other.json') as file:
        remove_leftovers(tmp_path.glob('.*.tmp'))
        file.write(b'{}')
    assert [path.name for path in tmp_path.iterdir()] == ['other.json']
    assert (tmp_path / 'other.json').read_bytes() == b'{}'
