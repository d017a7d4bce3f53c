from benchmarks.query import SESSIONS, write_dataset
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs


def test_the_large_dataset_passes_the_checks(tmp_path):
    n_files = write_dataset(tmp_path / 'bids', n_subjects=3)
    runs = find_runs(tmp_path / 'bids', participant_labels=['002'])
    assert [run.name for run in runs] == [f'sub-002_ses-{session}' for session in SESSIONS]
    assert check(runs, bids_dir=tmp_path / 'bids').problems == ()
    written = [path for path in (tmp_path / 'bids').glob('sub-*/**/*') if path.is_file()]
    assert len(written) + 1 == n_files == 1 + 3 * 2 * 16
