import json

import numpy as np
import pytest

from qsmnet_bids.bidsio.region_tables import find_regions, read_regions, write_regions
from qsmnet_bids.regional.statistics import Measured, Region, Summary

NOWHERE = Summary(np.nan, np.nan, np.nan)
MEASURED = Measured(
    (
        Region(11, 'Left\tCaudate', 812, 3801.5, 0.98, {'chi': Summary(0.04, 0.039, 0.02)}),
        Region(51, 'Right-Putamen', 0, 4900, 0.0, {'chi': NOWHERE}, 'outside the mask'),
    ),
    ('Left-Thalamus',),
    (77,),
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / 'sub-01/ses-a/anat/sub-01_ses-a_run-1_seg-aseg_desc-tkd_stats.tsv'
    write_regions(path, MEASURED, sources={'Segmentation': 'a.nii.gz'})
    return path


def test_what_is_written_is_read(table):
    caudate, putamen = read_regions(table)
    assert caudate['name'] == 'Left Caudate'
    assert (caudate['index'], caudate['n_voxels'], caudate['note']) == ('11', '812', '')
    assert float(caudate['chi_median']) == 0.039
    assert (putamen['chi_mean'], putamen['note']) == ('', 'outside the mask')


def test_dictionary_describes_every_column_and_what_did_not_fit(table):
    dictionary = json.loads(table.with_suffix('.json').read_text())
    header = table.read_text().splitlines()[0].split('\t')
    assert all(dictionary[column]['Description'] for column in header)
    assert dictionary['chi_median']['Units'] == 'ppm'
    assert dictionary['AbsentRegions'] == ['Left-Thalamus']
    assert dictionary['UnnamedLabels'] == [77]


def test_tables_of_a_dataset_are_found_with_their_run(table, tmp_path):
    (tmp_path / 'sub-02').mkdir()
    (found,) = find_regions(tmp_path)
    assert (found.run, found.segmentation, found.inversion) == (
        'sub-01_ses-a_run-1',
        'aseg',
        'tkd',
    )
    assert found.path == table
    assert not list(find_regions(tmp_path, '02'))


@pytest.mark.parametrize('text', ['', 'index\tname\n1\ta\n', None])
def test_broken_tables_are_told(table, text):
    table.write_text(table.read_text()[:-30] if text is None else text)
    with pytest.raises(ValueError, match=r'stats.tsv: (columns|line)'):
        list(read_regions(table))
