import csv
import json

import numpy as np
import pytest

from qsmnet_bids.reports.group import write_group
from qsmnet_bids.reports.measures import MEASURES
from qsmnet_bids.reports.outliers import find_outliers, robust_scores
from qsmnet_bids.reports.plots import lay_out
from qsmnet_bids.reports.records import RunRecord


def rows_of(table):
    with table.open(newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def measures(sidecar, **changes):
    return sidecar['QualityMeasures'] | changes


@pytest.fixture
def dataset(tmp_path, write_run, sidecar):
    """Eight alike subjects, the eighth with twice the mask; one of them has a report."""
    for number in range(1, 9):
        volume = 1400.0 + 3 * number if number < 8 else 2800.0
        write_run(
            tmp_path,
            f'sub-0{number}_ses-a_run-2',
            QualityMeasures=measures(sidecar, mask_volume_ml=volume),
        )
    (tmp_path / 'sub-03.html').write_text('report')
    return tmp_path


def test_one_row_per_run_with_the_sidecars_numbers(dataset, sidecar):
    table, _ = write_group(dataset)
    rows = rows_of(table)
    assert [row['participant_id'] for row in rows] == [f'sub-0{n}' for n in range(1, 9)]
    row = rows[1]
    assert (row['session_id'], row['run'], row['acq']) == ('ses-a', '2', 'n/a')
    assert row['echo_times_s'] == '0.005,0.012,0.019,0.026'
    assert (row['b0_t'], row['voxel_size_mm']) == ('3', '1,1,1.2')
    for measure in MEASURES[1:]:
        assert float(row[measure.key]) == pytest.approx(sidecar['QualityMeasures'][measure.key])
    assert float(row['mask_volume_ml']) == 1406


def test_known_outlier_is_marked_with_its_reason_and_no_other(dataset):
    table, page = write_group(dataset)
    rows = rows_of(table)
    assert [row['outlier'] for row in rows] == ['false'] * 7 + ['true']
    assert 'Mask volume: 2800.0 ml is high (median 1413.5 ml' in rows[-1]['outlier_reasons']
    html = page.read_text()
    assert '8 runs of 8 subjects: 1 marked as outlier, 0 with warnings.' in html
    assert html.count('<path d="M') == 1


def test_dictionary_describes_every_column(dataset):
    table, _ = write_group(dataset)
    dictionary = json.loads(table.with_suffix('.json').read_text())
    assert list(rows_of(table)[0]) == list(dictionary)
    assert dictionary['chi_sd']['Units'] == 'ppm'
    assert all(entry['Description'] for entry in dictionary.values())


def test_page_is_self_contained_and_links_to_reports_that_exist(dataset):
    html = write_group(dataset)[1].read_text()
    assert 'href="sub-03.html"' in html
    assert html.count('href="sub-03.html"') > 1
    for word in ('<script', '://', 'url(', '<link', '<img'):
        assert word not in html


def test_page_escapes_and_table_keeps_its_columns(tmp_path, write_run):
    write_run(tmp_path, 'sub-01', Warnings=['<b>bold</b>\tand\nbroken'])
    table, page = write_group(tmp_path)
    assert rows_of(table)[0]['warnings'] == '<b>bold</b> and broken'
    assert '&lt;b&gt;bold' in page.read_text()
    assert '<b>bold' not in page.read_text()


def test_unreadable_sidecars_and_subjects_without_a_map_are_named(dataset):
    broken = dataset / 'sub-02' / 'ses-a' / 'anat' / 'sub-02_ses-a_run-2_desc-tikhonov_Chimap.json'
    broken.write_text('{"Steps": [')
    (dataset / 'sub-09.html').write_text('failed')
    table, page = write_group(dataset)
    assert len(rows_of(table)) == 7
    html = page.read_text()
    assert f'{broken.relative_to(dataset)}: content: not valid JSON' in html
    for name in ('sub-02', 'sub-09'):
        assert f'<li>{name}</li>' in html


def test_empty_dataset_says_what_to_do(tmp_path):
    table, page = write_group(tmp_path)
    assert rows_of(table) == []
    assert table.read_text().startswith('participant_id\t')
    assert 'No susceptibility map was found. Run the participant level first.' in page.read_text()


def test_one_run_is_no_outlier_and_needs_no_distribution(tmp_path, write_run):
    write_run(tmp_path, 'sub-01')
    table, page = write_group(tmp_path)
    assert rows_of(table)[0]['outlier'] == 'false'
    assert '<svg' not in page.read_text()


def test_many_runs_list_only_what_deserves_a_look(tmp_path, write_run, sidecar, monkeypatch):
    monkeypatch.setattr('qsmnet_bids.reports.group.MOST_ROWS', 20)
    for number in range(40):
        volume = 1400.0 + number if number != 7 else 4000.0
        write_run(
            tmp_path, f'sub-{number:02}', QualityMeasures=measures(sidecar, mask_volume_ml=volume)
        )
    table, page = write_group(tmp_path)
    assert len(rows_of(table)) == 40
    html = page.read_text()
    assert html.count('<th scope="row">') == 1
    assert 'all 40 are in group_megre.tsv' in html


def test_runs_are_compared_within_one_inversion():
    low, high = {'chi_sd': 0.04}, {'chi_sd': 0.09}
    records = [RunRecord(f'sub-{n}', 'tkd', quality=low) for n in range(20)]
    records += [RunRecord(f'sub-{n}', 'deepqsm', quality=high) for n in range(4)]
    assert not any(find_outliers(records))
    together = [RunRecord(record.name, 'tkd', quality=record.quality) for record in records]
    assert [bool(marks) for marks in find_outliers(together)] == [False] * 20 + [True] * 4


def test_robust_score_is_the_z_score_of_a_normal_sample():
    values = np.random.default_rng(0).normal(5.0, 2.0, 20_000)
    assert robust_scores(values) == pytest.approx((values - 5) / 2, abs=0.15)
    assert robust_scores(np.full(9, 3.0)) == pytest.approx(np.zeros(9))


def test_outlier_does_not_hide_itself():
    values = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1000.0])
    assert robust_scores(values)[-1] > 1000


@pytest.mark.parametrize('n_runs', [1, 5, 150, 1000])
def test_plot_keeps_everything_inside(n_runs):
    values = np.random.default_rng(1).normal(0.1, 0.02, n_runs)
    plot = lay_out(values, [f'run {n}' for n in range(n_runs)], [''] * n_runs, values > 0.14)
    assert all(0 <= dot.x <= 360 and 15 <= dot.y <= 120 for dot in plot.dots)
    assert 2 <= len(plot.ticks) <= 7
    if n_runs <= 200:
        assert len(plot.dots) == n_runs
        assert not plot.bars
    else:
        assert len(plot.dots) == (values > 0.14).sum()
        assert plot.bars
    order = np.argsort([dot.x for dot in plot.dots], kind='stable')
    assert [plot.dots[run].name for run in order] == [
        f'run {run}'
        for run in np.argsort(values, kind='stable')
        if n_runs <= 200 or values[run] > 0.14
    ]
