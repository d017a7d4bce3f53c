import numpy as np
import pytest

from qsmnet_bids.bidsio.region_tables import to_tsv
from qsmnet_bids.regional.statistics import Measured, Region, Summary
from qsmnet_bids.reports.pages import render
from qsmnet_bids.reports.records import RunRecord
from qsmnet_bids.reports.regions import regions_table

RECORD = RunRecord('sub-01_run-1', 'tkd')


@pytest.fixture
def table(tmp_path):
    nowhere = Summary(np.nan, np.nan, np.nan)
    regions = (
        Region(1, '<i>Putamen', 812, 3801.5, 0.98, {'chi': Summary(-0.04, 0.039, 0.02)}),
        Region(2, 'Caudate', 0, 490.0, 0.0, {'chi': nowhere}, 'outside the mask'),
    )
    folder = tmp_path / 'sub-01' / 'anat'
    folder.mkdir(parents=True)
    text = to_tsv(Measured(regions, (), ()))
    for name in ('run-1_seg-aseg_desc-tkd', 'run-2_seg-aseg_desc-tkd', 'run-1_seg-aseg_desc-tv'):
        (folder / f'sub-01_{name}_stats.tsv').write_text(text)
    return folder / 'sub-01_run-1_seg-aseg_desc-tkd_stats.tsv'


@pytest.mark.usefixtures('table')
def test_tables_of_the_run_and_its_map_alone_are_shown(tmp_path):
    (found,) = regions_table(tmp_path, RECORD)
    assert found.maps == [('Susceptibility', 'ppm')]
    assert found.rows[0] == [
        '<i>Putamen',
        '812',
        '3.80',
        '98',
        '\N{MINUS SIGN}0.0400',
        '0.0390',
        '0.0200',
        '',
    ]
    assert found.rows[1][-2:] == ['\N{EN DASH}', 'outside the mask']
    assert regions_table(tmp_path, RunRecord('sub-02', 'tkd')) == []


@pytest.mark.usefixtures('table')
def test_page_escapes_names(tmp_path):
    html = render('regions.html', regions=regions_table(tmp_path, RECORD)).decode()
    assert '&lt;i&gt;Putamen' in html
    assert html.count('scope="row"') == 2


@pytest.mark.parametrize('text', ['', 'index\tname\tchi_median\tnote\n1\ta\t2\tn/a\n'])
def test_broken_table_is_told(table, tmp_path, text):
    table.write_text(text)
    (found,) = regions_table(tmp_path, RECORD)
    assert 'cannot be read' in found.problem
    assert found.problem in render('regions.html', regions=[found]).decode().replace('&#39;', "'")
