"""Volumes between the nodes."""

import errno

import pytest
import torch

from qsmnet_bids.interfaces.volumes import load, save


def test_what_is_saved_comes_back(tmp_path):
    volume = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(load(save(volume, 'chi', str(tmp_path))), volume)


@pytest.mark.parametrize('n', [2, 60])  # numpy notices a full disk in two ways
def test_full_disk_is_told_with_the_file(tmp_path, n):
    (tmp_path / 'chi.npy').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space left') as told:
        save(torch.zeros(n, n, n), 'chi', str(tmp_path))
    assert told.value.errno == errno.ENOSPC
    assert told.value.filename == str(tmp_path / 'chi.npy')
