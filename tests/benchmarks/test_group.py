from benchmarks.group import OUTLIERS, REGIONS, group, simulate_outputs
from qsmnet_bids.reports.group import write_group


def test_row_tells_what_the_group_level_wrote(tmp_path):
    row = group(tmp_path / 'out', n_runs=12)
    assert (row.runs, row.regions) == (12, len(REGIONS))
    assert row.group > 0
    assert 0 < row.peak_gb < 1
    lines = (tmp_path / 'out' / 'group_regions.tsv').read_text().splitlines()
    assert len(lines) == 1 + 12 * len(REGIONS)


def test_outliers_of_all_kinds_are_found_and_no_others(tmp_path):
    simulate_outputs(tmp_path, n_runs=60)
    html = write_group(tmp_path)[1].read_text()
    assert f'60 runs of 60 subjects: {len(OUTLIERS)} marked as outliers' in html
    for words in ('Mask volume: 640.0 ml is low', 'Field noise: 0.01420 ppm is high'):
        assert words in html
