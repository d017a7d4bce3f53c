"""The viewer in a real browser: its slices move and its values are those of the map."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.packing import PACKED_WINDOW

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason='needs Chromium')
@pytest.mark.parametrize('voxel', [(20, 30, 22), (33, 25, 15)])
def test_value_under_the_cross_is_that_of_the_map(
    tmp_path, write_run, figures, synthetic_head, voxel
):
    write_run(tmp_path, 'sub-01_run-1')
    shutil.copytree(figures[0].parent, tmp_path / 'sub-01' / 'figures')
    page = write_subject_report(tmp_path, '01').as_uri() + f'#voxel={",".join(map(str, voxel))}'
    options = ['--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=5000']
    options += [f'--user-data-dir={tmp_path / "profile"}', '--dump-dom', page]
    found = subprocess.run([CHROMIUM, *options], capture_output=True, check=True, timeout=60)
    text = re.search(r'<output[^>]*>(.*?)</output>', found.stdout.decode(), re.DOTALL)[1]
    numbers = re.search(r'Voxel (\d+), (\d+), (\d+) .*: (-?[\d.]+) ppm', text)
    assert tuple(map(int, numbers.groups()[:3])) == voxel
    low, high = PACKED_WINDOW
    truth = np.clip(synthetic_head['chi'][voxel], low, high)
    assert float(numbers[4]) == pytest.approx(truth, abs=0.6 * (high - low) / 254)
