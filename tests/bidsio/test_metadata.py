"""Which sidecars apply to an image, and which of them wins."""

from qsmnet_bids.bidsio.metadata import SidecarReader


def read(dataset, name):
    return SidecarReader(dataset.root).read(dataset.path(name))


def test_the_more_specific_of_two_in_one_folder_wins(dataset):
    dataset.write_json('MEGRE.json', {'a': 1, 'b': 1, 'c': 1})
    dataset.write_json('part-phase_MEGRE.json', {'b': 2, 'c': 2})
    dataset.write_json('echo-1_part-phase_MEGRE.json', {'c': 3})
    assert read(dataset, 'sub-01_echo-1_part-phase_MEGRE') == {'a': 1, 'b': 2, 'c': 3}
    assert read(dataset, 'sub-01_echo-2_part-phase_MEGRE') == {'a': 1, 'b': 2, 'c': 2}
    assert read(dataset, 'sub-01_echo-1_part-mag_MEGRE') == {'a': 1, 'b': 1, 'c': 1}


def test_the_nearer_folder_wins_even_if_less_specific(dataset):
    dataset.write_json('echo-1_part-mag_MEGRE.json', {'a': 'root', 'b': 'root'})
    dataset.write_json('sub-01/sub-01_MEGRE.json', {'a': 'subject'})
    dataset.write_json('sub-01/ses-x/sub-01_ses-x_MEGRE.json', {'c': 'session'})
    expected = {'a': 'subject', 'b': 'root', 'c': 'session'}
    assert read(dataset, 'sub-01_ses-x_echo-1_part-mag_MEGRE') == expected


def test_what_belongs_to_others_does_not_apply(dataset):
    dataset.write_json('T2starw.json', {'a': 1})
    dataset.write_json('acq-x_MEGRE.json', {'a': 1})
    dataset.write_json('sub-01/sub-01_ses-y_MEGRE.json', {'a': 1})
    dataset.write_json('derivatives/MEGRE.json', {'a': 1})
    assert read(dataset, 'sub-01_ses-x_echo-1_part-mag_MEGRE') == {}


def test_an_image_outside_the_dataset_has_the_sidecars_of_its_folder(dataset, tmp_path):
    dataset.write_json('MEGRE.json', {'a': 1})
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'sub-01_MEGRE.json').write_text('{"b": 2}')
    reader = SidecarReader(dataset.root)
    assert reader.read(other / 'sub-01_echo-1_MEGRE.nii.gz') == {'b': 2}


def test_byte_order_mark_is_no_error(dataset):
    path = dataset.write_json('MEGRE.json', {})
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read(dataset, 'sub-01_echo-1_MEGRE') == {'a': 1}
