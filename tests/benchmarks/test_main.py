import json

import pytest

from benchmarks.__main__ import main
from benchmarks.heads import Case
from benchmarks.turned import turned
from qsmnet_bids.phantom.dataset import Plan, write_dataset

COARSE = (6.0, 6.0, 6.0)


def table(folder, name):
    assert (folder / f'{name}.md').read_text().startswith('| ')
    return json.loads((folder / f'{name}.json').read_text())


@pytest.mark.slow
def test_accuracy_has_a_row_for_each_source(tmp_path):
    size = [str(length) for length in COARSE]
    chosen = ['--unwrapping', 'best_path', '--background', 'vsharp', '--inversion', 'tkd']
    words = ['accuracy', '--cases', 'oblique', *chosen, '--fieldmap', 'weighted_mean']
    assert main(['--output', str(tmp_path), *words, '--voxel-size', *size]) == 0
    rows = table(tmp_path, 'accuracy')
    assert [(row['case'], row['stage'], row['method']) for row in rows] == [
        ('oblique', 'fieldmap', 'best_path + weighted_mean'),
        ('oblique', 'background', 'vsharp'),
        ('oblique', 'inversion', 'tkd'),
        ('oblique', 'chain', 'best_path + vsharp + tkd'),
    ]
    alone = rows[2]
    assert alone['correlation'] > 0.85
    assert alone['slope'] == pytest.approx(1, abs=0.2)
    assert alone['covered'] == 1
    assert alone['nrmse_dgm'] < 100
    assert rows[0]['correlation'] > 0.9


@pytest.mark.slow
def test_speed_gives_times_in_units_of_a_transform_and_their_growth(tmp_path):
    words = ['speed', '--shapes', '32', '48x40x36', '--methods', 'tkd', '--threads', '1']
    assert main(['--output', str(tmp_path), *words]) == 0
    rows = table(tmp_path, 'speed')
    assert [row['shape'] for row in rows] == ['32 x 32 x 32', '48 x 40 x 36']
    assert all(row['ffts'] > 0 and row['peak_gb'] > 0 for row in rows)
    (grown,) = table(tmp_path, 'growth')
    assert grown['method'] == 'tkd'


@pytest.mark.slow
def test_overhead_is_the_apps_time_less_that_of_the_numerics(tmp_path):
    for _ in write_dataset(tmp_path / 'bids', Plan(voxel_size=COARSE)):
        pass
    words = ['overhead', str(tmp_path / 'bids'), '--threads', '1', '--inversion', 'tkd']
    assert main(['--output', str(tmp_path), *words]) == 0
    (row,) = table(tmp_path, 'overhead')
    assert row['inversion'] == 'tkd'
    assert row['load'] + row['reconstruct'] + row['overhead'] == pytest.approx(row['app'])
    assert min(row['load'], row['reconstruct']) > 0


@pytest.mark.slow
def test_fits_tell_the_wrong_voxels_of_each_set_of_echo_times(tmp_path):
    words = ['fits', '--fieldmap', 'weighted_mean', 'linear_fit', '--threads', '1']
    size = [str(length) for length in COARSE]
    assert main(['--output', str(tmp_path), *words, '--voxel-size', *size]) == 0
    rows = table(tmp_path, 'fits')
    assert len(rows) == 10
    assert {row['method'] for row in rows} == {'weighted_mean', 'linear_fit'}
    assert all(0 <= row['n_untold'] <= row['n_wrong'] < row['n_voxels'] for row in rows)
    first = {row['method']: row['rmse'] for row in rows if row['echo_times'] == '4, 12'}
    assert first['weighted_mean'] < first['linear_fit'] < 0.1


@pytest.mark.slow
def test_a_turned_head_is_found(monkeypatch):
    monkeypatch.setattr('benchmarks.turned.TURNS', (((1, 2, 3), 10, (3, 2, 1)),))
    (row,) = turned(Case('axial', (2.0, 2.0, 2.0), 0.0), voxel_size=4.0)
    assert row.angle_error < 1
    assert row.shift_error < 1
