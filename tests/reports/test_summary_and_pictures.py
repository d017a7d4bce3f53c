import itertools
import re

import numpy as np
import pytest

from qsmnet_bids.bidsio.region_tables import to_tsv
from qsmnet_bids.regional.statistics import Measured, Region, Summary
from qsmnet_bids.reports.captions import OPTIONAL, PAIRS, TITLES
from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.methods import bibliography
from qsmnet_bids.reports.values import MINUS
from tests.reports.conftest import chimap_sidecar
from tests.reports.page import NASTY, read

DRAWN = [name for name in TITLES if name not in OPTIONAL]


def test_pairs_are_shown_in_turns_from_pictures_that_are_embedded_once(report):
    raw = report.read_text()
    assert raw.count('<figure class="turns">') == len(PAIRS)
    images = re.findall(r'<img src="([^"]+)"', raw)
    assert len(images) == len(set(images)) == len(DRAWN)
    for names in re.findall(r'<input type="radio" name="(turns-[^"]+)"', raw):
        assert raw.count(f'name="{names}"') == 3
    assert raw.count('prefers-reduced-motion') == 2


@pytest.mark.usefixtures('report')
def test_half_of_a_pair_is_shown_alone(tmp_path):
    next((tmp_path / 'sub-01' / 'figures').glob('*_desc-mask_*')).unlink()
    raw = write_subject_report(tmp_path, '01').read_text()
    assert raw.count('<figure class="turns">') == len(PAIRS) - 1
    assert f'{TITLES["mask"]}.</b> This figure was not found.' in raw
    assert f'alt="{TITLES["chi"]} of sub-01_run-1"' in raw


def test_single_echo_has_no_r2star_to_miss(tmp_path, write_run):
    write_run(tmp_path, 'sub-01', EchoTime=[0.02])
    assert TITLES['r2star'] not in read(write_subject_report(tmp_path, '01')).text


def test_uncertainty_is_shown_where_the_run_has_it_and_is_no_run(
    tmp_path, synthetic_head, write_run
):
    step = {'stage': 'uncertainty', 'method': 'uncertainty', 'parameters': {'n_members': 8}}
    sidecar = write_run(tmp_path, 'sub-01', Steps=[*chimap_sidecar()['Steps'], step])
    name = 'sub-01_desc-tikhonovuncertainty_Chimap.json'
    sidecar.with_name(name).write_text('{"Units": "ppm"}')
    prefix = tmp_path / 'sub-01' / 'figures' / 'sub-01'
    draw_figures(prefix, **synthetic_head, uncertainty=np.abs(synthetic_head['chi']))
    text = read(write_subject_report(tmp_path, '01')).text
    assert '1 run done.' in text
    assert TITLES['uncertainty'] in text
    assert 'uncertain by 0.012 ppm, median' in text
    assert 'Uncertain voxels 0.0456' in text
    assert bibliography()['uncertainty'].doi in text
    # a run without it does not show that of an earlier one
    write_run(tmp_path, 'sub-01')
    assert TITLES['uncertainty'] not in read(write_subject_report(tmp_path, '01')).text


def test_headings_go_down_one_level_at_a_time(report):
    levels = [int(tag[1]) for tag in read(report).tags if re.fullmatch(r'h\d', tag)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


def test_summary_comes_before_the_pictures_and_several_runs_are_a_table(tmp_path, write_run):
    write_run(tmp_path, 'sub-01_run-1')
    one = read(write_subject_report(tmp_path, '01')).text
    assert one.index('1412 ml') < one.index('dipole inversion tikhonov') < one.index('Pictures')
    write_run(tmp_path, 'sub-01_run-2')
    page = read(write_subject_report(tmp_path, '01'))
    summary = page.text[page.text.index('Summary') : page.text.index('Pictures')]
    assert summary.index('Misfit of the field times the noise') < summary.index('sub-01_run-2')
    assert {'#run-1', '#run-2'} <= set(page.links)


def test_regions_stand_in_the_report_of_their_run_and_are_rebuilt(tmp_path, write_run):
    write_run(tmp_path, 'sub-01_run-1')
    write_run(tmp_path, 'sub-01_run-2')
    before = write_subject_report(tmp_path, '01').read_text()
    assert 'href="#regions' not in before
    regions = (Region(1, NASTY, 812, 3801.5, 0.98, {'chi': Summary(-0.04, 0.039, 0.02)}),)
    table = tmp_path / 'sub-01' / 'anat' / 'sub-01_run-2_seg-aseg_desc-tikhonov_stats.tsv'
    table.write_text(to_tsv(Measured(regions, (), ())))
    page = read(write_subject_report(tmp_path, '01'))
    assert page.text.count('Regions aseg') == 1
    assert '#regions-2' in page.links
    assert '#regions-1' not in page.links
    assert f'{NASTY} 812 3.80 98 {MINUS}0.0400 0.0390 0.0200' in page.text
