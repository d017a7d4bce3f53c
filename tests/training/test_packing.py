import pytest

from qsmnet_bids.errors import WeightsError
from training.packing import PART_BYTES, pack, unpack


@pytest.fixture
def packed(tmp_path, rng):
    data = rng.bytes(1000)
    (tmp_path / 'checkpoint.pt').write_bytes(data)
    pack(tmp_path / 'checkpoint.pt', tmp_path / 'packed', part_bytes=300)
    return data, tmp_path / 'packed'


def test_parts_join_to_the_same_bytes(packed, tmp_path):
    data, folder = packed
    sizes = [path.stat().st_size for path in sorted(folder.glob('*.part-*'))]
    assert sizes == [300, 300, 300, 100]
    assert unpack(folder, tmp_path / 'elsewhere').read_bytes() == data


def test_parts_are_smaller_than_15_mib():
    assert PART_BYTES < 15 * 2**20


def test_packing_again_leaves_no_old_parts(packed, tmp_path):
    _, folder = packed
    (tmp_path / 'checkpoint.pt').write_bytes(b'short')
    pack(tmp_path / 'checkpoint.pt', folder, part_bytes=300)
    assert len(list(folder.glob('*.part-*'))) == 1
    assert unpack(folder, tmp_path / 'elsewhere').read_bytes() == b'short'


@pytest.mark.parametrize('harm', ['change', 'cut', 'remove'])
def test_a_part_that_is_not_what_it_was_is_named(packed, tmp_path, harm):
    _, folder = packed
    part = folder / 'checkpoint.pt.part-002'
    content = part.read_bytes()
    if harm == 'remove':
        part.unlink()
    else:
        part.write_bytes(content[:-1] if harm == 'cut' else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(WeightsError, match='part-002'):
        unpack(folder, tmp_path / 'elsewhere')
    assert not (tmp_path / 'elsewhere').exists()


def test_a_folder_that_was_not_packed_is_refused(tmp_path):
    with pytest.raises(WeightsError, match='no such file'):
        unpack(tmp_path, tmp_path)


@pytest.mark.usefixtures('packed')
def test_parts_have_a_size(tmp_path):
    with pytest.raises(ValueError, match='part_bytes must be at least 1'):
        pack(tmp_path / 'checkpoint.pt', tmp_path, part_bytes=0)
