import builtins
import dataclasses
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from tests.training.tiny import TINY, log, run, table
from training.compare import write_comparison
from training.tracking import read_log


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    run(TINY, folder / 'first')
    run(dataclasses.replace(TINY, learning_rate=0.02), folder / 'second')
    (folder / 'notes.txt').write_text('not a run')
    return folder


def test_the_log_has_a_line_per_step_and_per_validation(runs):
    lines = log(runs / 'first')
    assert [line['step'] for line in lines if 'loss' in line] == [1, 2, 3, 4, 5, 6]
    validations = [line for line in lines if 'rmse' in line]
    assert [line['step'] for line in validations] == [3, 6]
    assert {'rmse', 'rmse_sd', 'mae', 'slope', 'intercept', 'ssim'} < set(validations[0])
    assert all(0 < line['data_seconds'] < line['step_seconds'] for line in lines if 'loss' in line)


def test_lines_of_steps_that_were_lost_are_dropped(tmp_path):
    run(dataclasses.replace(TINY, steps=3), tmp_path)
    with (tmp_path / 'log.jsonl').open('a') as file:
        file.write('{"step": 4, "loss": 9.0}\n{"step": 5, "lo')
    assert [line['step'] for line in read_log(tmp_path)][-1] == 4
    run(TINY, tmp_path)
    lines = [line for line in log(tmp_path) if 'loss' in line]
    assert [line['step'] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert 9.0 not in [line['loss'] for line in lines]


def test_the_table_has_a_row_per_run_with_its_parameters_and_figures(runs):
    rows = table(runs)
    assert [row['run'] for row in rows] == ['first', 'second']
    assert [float(row['learning_rate']) for row in rows] == [0.001, 0.02]
    assert rows[0]['state'] == 'done'
    assert rows[0]['network.depth'] == '2'
    last = [line for line in log(runs / 'first') if 'rmse' in line][-1]
    assert float(rows[0]['rmse']) == pytest.approx(last['rmse'], rel=1e-3)


def test_the_picture_shows_field_label_output_and_difference(runs):
    picture = np.asarray(Image.open(runs / 'first' / 'validation.png'))
    assert picture.shape == (2 * 16, 4 * 16)
    label, output, difference = (
        picture[:16, 16 * panel : 16 * (panel + 1)].astype(float) - 127.5 for panel in (1, 2, 3)
    )
    assert label.std() > 10
    inside = np.abs(output - label) < 120
    np.testing.assert_allclose(difference[inside], (output - label)[inside], atol=2)


def test_tensorboard_gets_curves_and_pictures(runs):
    accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator', reason='an extra'
    )
    events = accumulator.EventAccumulator(str(runs / 'first' / 'tensorboard'))
    events.Reload()
    assert {'training/loss', 'validation/rmse', 'validation/ssim'} <= set(events.Tags()['scalars'])
    assert [event.step for event in events.Scalars('training/loss')] == [1, 2, 3, 4, 5, 6]
    assert len(events.Tags()['images']) == 1


def test_without_tensorboard_a_run_says_so_once_and_goes_on(tmp_path, monkeypatch, capsys):
    whole = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith('torch.utils.tensorboard'):
            raise ModuleNotFoundError(name)
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, '__import__', without)
    assert run(TINY, tmp_path / 'run')['step'] == 6
    assert capsys.readouterr().err.count('TensorBoard is not installed') == 1
    assert not (tmp_path / 'run' / 'tensorboard').exists()


def test_the_page_shows_what_differs_and_a_curve_per_run(runs):
    page = write_comparison(runs).read_text()
    assert 'learning_rate' in page
    assert 'decay_fraction' not in page
    assert '<script' not in page
    assert 'http' not in page
    document = ET.fromstring(  # noqa: S314 -- written by the code under test
        page.replace('<!doctype html>', '').replace('<meta charset="utf-8">', '')
    )
    charts = document.findall('.//figure/svg')
    assert len(charts) == 5
    for chart in charts:
        curves = chart.findall('.//polyline')
        assert len(curves) == 2
        for curve in curves:
            points = [tuple(map(float, one.split(','))) for one in curve.get('points').split()]
            assert len(points) == 2
            assert all(0 <= x <= 520 and 0 <= y <= 320 for x, y in points)


def test_a_page_of_no_runs_is_still_a_page(tmp_path):
    assert 'none yet' in write_comparison(tmp_path).read_text()


def test_the_summary_says_where_the_run_was_made(runs):
    summary = json.loads((runs / 'first' / 'run.json').read_text())
    assert len(summary['origins']) == 1
    assert set(summary['origins'][0]) == {'hardware', 'torch', 'threads', 'processes', 'revision'}
