import re

import numpy as np
import pytest

from qsmnet_bids.errors import Failure
from qsmnet_bids.reports.captions import OPTIONAL, TITLES
from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.measures import MEASURES
from qsmnet_bids.reports.values import DASH, TIMES
from tests.reports.page import NASTY, Page, read

DRAWN = [name for name in TITLES if name not in OPTIONAL]
FAILURE = Failure('sub-01_run-2', 'unwrapping', 'Echo 3 holds <no> value.', '/out/crash-1.txt')


def test_page_lies_beside_the_subjects_folder(report, tmp_path):
    assert report == tmp_path / 'sub-01.html'
    assert report.stat().st_size < 5_000_000


def test_page_loads_nothing(report):
    page = read(report)
    assert len(page.loaded) == len(DRAWN)
    assert all(source.startswith('data:image/png;base64,') for source in page.loaded)
    outward = [link for link in page.links if not link.startswith('#')]
    assert outward
    assert all(link.startswith('https://doi.org/10.') for link in outward)
    raw = report.read_text()
    assert not re.search(r'url\(|@import|<link|<script src', raw)
    assert raw.count('<script') - raw.count('<script>alert') <= 1


def test_links_within_the_page_lead_somewhere(report):
    raw = report.read_text()
    for link in read(report).links:
        if link.startswith('#'):
            assert f'id="{link[1:]}"' in raw


def test_text_from_sidecars_is_escaped(report):
    page = read(report)
    assert page.tags.count('script') == 1
    assert NASTY not in report.read_text()
    assert page.text.count(NASTY) == 2


def test_numbers_are_those_of_the_sidecar(report, sidecar):
    text = read(report).text
    for measure in MEASURES:
        value = sidecar['QualityMeasures'][measure.key]
        shown = measure.show(value)
        assert shown in text
        assert float(shown.replace('\N{MINUS SIGN}', '-')) == pytest.approx(
            value, abs=0.5 * 10**-measure.digits
        )
    for words in (
        '3 T',
        '5, 12, 19, 26 ms',
        f'180 {TIMES} 216 {TIMES} 160',
        '0, 0.1, 0.995',
        'signed integer',
    ):
        assert words in text


def test_steps_are_listed_in_order(report, sidecar):
    text = read(report).text
    table = text[text.index('Processing') :]
    places = [table.index(step['method']) for step in sidecar['Steps']]
    assert places == sorted(places)
    assert 'max_radius = 12' in table


def test_verdict_without_problems(tmp_path, write_run):
    write_run(tmp_path, 'sub-01_run-1')
    write_run(tmp_path, 'sub-01_run-2')
    assert 'All 2 runs done. No warnings.' in read(write_subject_report(tmp_path, '01')).text


def test_only_failures_still_give_a_report(tmp_path):
    page = read(write_subject_report(tmp_path, '01', failures=[FAILURE]))
    assert '0 of 1 run done; 1 failed.' in page.text
    for words in (FAILURE.run, 'step unwrapping', FAILURE.cause, FAILURE.crash_file):
        assert words in page.text


def test_failed_run_with_an_earlier_result_is_not_counted_as_done(tmp_path, write_run):
    write_run(tmp_path, 'sub-01_run-1')
    write_run(tmp_path, 'sub-01_run-2')
    text = read(write_subject_report(tmp_path, '01', failures=[FAILURE])).text
    assert '1 of 2 runs done; 1 failed.' in text
    assert text.count('the result of an earlier run') == 1


def test_nothing_at_all_is_said_plainly(tmp_path):
    assert 'No result was found' in read(write_subject_report(tmp_path, '01')).text


@pytest.mark.parametrize(
    'content', ['', '{"Steps": [', '[]', '{}', '{"Steps": [], "QualityMeasures": 3}']
)
def test_half_written_sidecar_is_named(tmp_path, write_run, content):
    write_run(tmp_path, 'sub-01_run-1')
    write_run(tmp_path, 'sub-01_run-2').write_text(content)
    text = read(write_subject_report(tmp_path, '01')).text
    assert '1 of 2 runs done; 1 left an unreadable sidecar.' in text
    assert 'sub-01/anat/sub-01_run-2_desc-tikhonov_Chimap.json' in text


def test_sessions_and_missing_figures(tmp_path, write_run):
    write_run(tmp_path, 'sub-01_ses-a_run-1')
    write_run(tmp_path, 'sub-01_ses-b_run-1')
    write_run(tmp_path, 'sub-011_run-1')
    page = read(write_subject_report(tmp_path, 'sub-01'))
    assert 'sub-01_ses-a_run-1' in page.text
    assert 'sub-01_ses-b_run-1' in page.text
    assert 'sub-011' not in page.text
    assert page.text.count('This figure was not found.') == 2 * len(DRAWN)


def test_measures_that_are_missing_or_not_numbers_become_dashes(tmp_path, write_run):
    write_run(tmp_path, 'sub-01', QualityMeasures={'chi_sd': None, 'mask_volume_ml': 1.5})
    text = read(write_subject_report(tmp_path, '01')).text
    assert '1.5 ml' in text
    assert f'Field noise {DASH} ppm' in text
    assert not re.search(r'\b(nan|none|null)\b', text, re.IGNORECASE)


def test_same_input_gives_same_page(report, tmp_path):
    before = report.read_bytes()
    write_subject_report(tmp_path, '01')
    assert report.read_bytes() == before
    assert np.all([not path.name.startswith('.') for path in tmp_path.iterdir()])


def test_two_inversions_of_a_run_keep_their_own_pictures(tmp_path, synthetic_head, write_run):
    """A map that is shown under another method's name is a wrong map that looks right."""
    sidecar = write_run(tmp_path, 'sub-01')
    sidecar.with_name('sub-01_desc-tkd_Chimap.json').write_bytes(sidecar.read_bytes())
    prefix = tmp_path / 'sub-01' / 'figures' / 'sub-01'
    draw_figures(prefix, **synthetic_head)
    other = {'chi': -synthetic_head['chi'], 'inversion': 'tkd'}
    draw_figures(prefix, **synthetic_head | other)
    page = Page(write_subject_report(tmp_path, '01').read_text())
    images = [source for source in page.loaded if source.startswith('data:image/png')]
    assert len(images) == 2 * len(DRAWN)
    first, second = images[: len(DRAWN)], images[len(DRAWN) :]
    differing = [name for name, a, b in zip(DRAWN, first, second, strict=True) if a != b]
    assert differing == ['chi', 'histogram']


def test_measures_out_of_bounds_are_warned_of_in_words(tmp_path, write_run):
    bad = {'mask_border_fraction': 0.2, 'r2star_median': 0.02, 'snr': 40.0}
    write_run(tmp_path, 'sub-01', QualityMeasures=bad)
    text = read(write_subject_report(tmp_path, '01')).text
    assert 'The mask touches the image border (20.0 % of its surface)' in text
    assert 'are the echo times right, and in seconds?' in text
    assert 'did the head move' not in text


def test_items_to_report_are_filled_or_said_to_be_missing(report):
    text = read(report).text
    table = text[text.index('What a paper has to report') :]
    assert 'Echo times, ms 5, 12, 19, 26' in table
    assert f'Field of view, mm 180 {TIMES} 216 {TIMES} 192' in table
    assert 'Algorithm: inversion tikhonov (regularisation = 0.02)' in table
    assert 'Partial Fourier not in the sidecar' in table
