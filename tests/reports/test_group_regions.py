import csv
import json

import numpy as np
import pytest

from qsmnet_bids.bidsio.region_tables import to_tsv
from qsmnet_bids.regional.statistics import Measured, Region, Summary
from qsmnet_bids.reports.group import write_group
from qsmnet_bids.reports.group_regions import collect_regions, summary_rows

NAMES = ('Putamen', '<b>Caudate</b>')


def write_stats(output_dir, run, values, **maps):
    entities = dict(part.split('-') for part in run.split('_'))
    regions = [
        Region(index, name, 900, 1000.0, 0.9, {'chi': Summary(value, value, 0.02), **maps})
        for index, (name, value) in enumerate(zip(NAMES, values, strict=True), start=1)
    ]
    path = (
        output_dir / f'sub-{entities["sub"]}' / 'anat' / f'{run}_seg-aseg_desc-tikhonov_stats.tsv'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_tsv(Measured(tuple(regions), (), ())))
    return path


@pytest.fixture
def dataset(tmp_path, write_run):
    """Twelve subjects whose putamen grows with age; the first has two runs."""
    rows = ['participant_id\tage\tgroup<i>\tsite']
    for number in range(1, 13):
        run = f'sub-{number:02}'
        value = 0.02 + 0.001 * (20 + 4 * number)
        write_run(tmp_path, run)
        write_stats(tmp_path, run, (value, -0.01), r2star=Summary(20, 19.0, 2))
        group = 'a' if number <= 6 else '<script>b'
        rows.append(f'{run}\t{20 + 4 * number}\t{group}\tone')
    write_run(tmp_path, 'sub-01_run-2')
    write_stats(tmp_path, 'sub-01_run-2', (0.048, 1.0))
    (tmp_path / 'participants.tsv').write_text('\n'.join(rows) + '\n')
    return tmp_path


def rows_of(table):
    with table.open(newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def test_one_row_per_run_and_region_as_the_runs_tables_have_them(dataset):
    collect_regions(dataset)
    rows = rows_of(dataset / 'group_regions.tsv')
    assert len(rows) == 13 * 2
    dictionary = json.loads((dataset / 'group_regions.json').read_text())
    assert list(rows[0]) == list(dictionary)
    assert all(entry['Description'] for entry in dictionary.values())
    second = next(row for row in rows if row['name'] == 'sub-01_run-2')
    assert (second['participant_id'], second['run'], second['region']) == (
        'sub-01',
        '2',
        'Putamen',
    )
    assert (second['segmentation'], second['r2star_median']) == ('aseg', 'n/a')
    assert float(second['chi_median']) == 0.048


def test_medians_are_those_of_all_rows_in_memory(dataset):
    (family,), _ = collect_regions(dataset)
    rows = rows_of(dataset / 'group_regions.tsv')
    for region in NAMES:
        medians = family.medians(region, 'chi')
        for subject in {row['participant_id'] for row in rows}:
            own = [
                float(row['chi_median'])
                for row in rows
                if (row['participant_id'], row['region']) == (subject, region)
            ]
            assert medians[subject.removeprefix('sub-')] == np.median(own)
    assert len(family.medians('Putamen', 'r2star')) == 12
    assert family.medians('nowhere', 'chi') == {}
    assert next(summary_rows(family))[3][0] == 12


def test_broken_tables_are_named_and_the_others_kept(dataset):
    (dataset / 'sub-03/anat/sub-03_seg-aseg_desc-tikhonov_stats.tsv').write_text('index\n1\n')
    families, unreadable = collect_regions(dataset)
    assert unreadable[0].startswith('sub-03/anat/sub-03_seg-aseg')
    assert len(families[0].medians('Putamen', 'chi')) == 11


def test_no_regions_leave_no_table(tmp_path, write_run):
    write_run(tmp_path, 'sub-01')
    (tmp_path / 'group_regions.tsv').write_text('of an earlier call')
    _, page = write_group(tmp_path)
    assert not (tmp_path / 'group_regions.tsv').exists()
    assert 'id="regions"' not in page.read_text()


def test_page_shows_slope_and_groups_and_says_that_it_tests_nothing(dataset):
    (dataset / 'sub-05.html').write_text('report')
    html = write_group(dataset)[1].read_text()
    assert 'Putamen, χ</b> (ppm): n 12, slope 1.00 (' in html
    assert ') ppb per unit' in html
    assert 'It tests nothing' in html
    assert 'a against &lt;script&gt;b' in html or '&lt;script&gt;b against a' in html
    assert html.count('href="sub-05.html"') > 12
    assert 'The column site is left out' in html


def test_names_of_regions_columns_and_groups_are_escaped(dataset):
    html = write_group(dataset)[1].read_text()
    for text in ('<b>Caudate', '<script', 'group<i>'):
        assert text not in html
    assert '&lt;b&gt;Caudate' in html
    assert 'group&lt;i&gt;' in html


def test_subjects_not_in_the_table_are_named(dataset, write_run):
    write_run(dataset, 'sub-99')
    html = write_group(dataset)[1].read_text()
    assert 'Not in participants.tsv, thus left out of what follows: 99.' in html


def test_group_maps_only_on_request(dataset):
    assert 'id="maps"' not in write_group(dataset)[1].read_text()
