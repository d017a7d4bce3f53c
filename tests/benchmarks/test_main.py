import json

import pytest

from benchmarks.__main__ import main
from qsmnet_bids.phantom.dataset import Plan, write_dataset

COARSE = (6.0, 6.0, 6.0)


def table(folder, name):
    assert (folder / f'{name}.md').read_text().startswith('| ')
    return json.loads((folder / f'{name}.json').read_text())


@pytest.mark.slow
def test_accuracy_has_a_row_for_each_source(tmp_path):
    size = [str(length) for length in COARSE]
    words = ['accuracy', '--cases', 'oblique', '--methods', 'tkd', '--voxel-size', *size]
    assert main(['--output', str(tmp_path), *words]) == 0
    rows = table(tmp_path, 'accuracy')
    assert [(row['case'], row['source'], row['method']) for row in rows] == [
        ('oblique', 'local field', 'tkd'),
        ('oblique', 'echoes', 'tkd'),
    ]
    assert rows[0]['correlation'] > 0.85
    assert rows[0]['slope'] == pytest.approx(1, abs=0.2)
    assert rows[0]['covered'] == 1


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
