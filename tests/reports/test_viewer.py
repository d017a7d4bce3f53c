"""The report in a real browser: slices move, values are the map's, nothing leaves the file."""

import os
import re
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import pytest

from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.reports.html import write_subject_report
from qsmnet_bids.reports.packing import PACKED_WINDOW
from tests.reports.browser import CHROMIUM, SHIFT, Browser

AXE = os.environ.get('AXE', '')
HALF_A_STEP = 0.6 * (PACKED_WINDOW[1] - PACKED_WINDOW[0]) / 254
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason='needs Chromium'),
]


@contextmanager
def opened(report, *options):
    """Open a report, and see to it that it neither complains nor asks for anything."""
    with Browser(report, *options) as browser:
        yield browser
        assert browser.trouble == []


@pytest.fixture
def browser(report):
    with opened(report) as browser:
        yield browser


def parse(readout):
    """Voxel and ppm of what the page says."""
    numbers = re.search(r'Voxel (\d+), (\d+), (\d+) .*: (-?[\d.]+) ppm', readout)
    return tuple(map(int, numbers.groups()[:3])), float(numbers[4])


def voxel_of(browser):
    return np.array(parse(browser.text('output'))[0])


def window_of(browser):
    words = browser.text('.window').replace('\N{MINUS SIGN}', '-').split()
    return [float(words[0]), float(words[2])]


def test_values_agree_with_the_image_file_however_it_is_stored(
    tmp_path, synthetic_head, write_run
):
    """Stored with flipped and exchanged axes: the file, read by another package, is the judge."""
    affine = np.array([[0, 0, -3.6, 90], [-3.6, 0, 0, 60], [0, 3.6, 0, -70], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(synthetic_head['chi'], affine), tmp_path / 'chi.nii.gz')
    canonical = nibabel.as_closest_canonical(nibabel.load(tmp_path / 'chi.nii.gz')).get_fdata()
    write_run(tmp_path, 'sub-01_run-1')
    prefix = tmp_path / 'sub-01' / 'figures' / 'sub-01_run-1'
    draw_figures(prefix, **synthetic_head | {'affine': affine})
    places = [(0, 0.4, 0.45), (1, 0.55, 0.6), (2, 0.3, 0.5), (2, 0.62, 0.36), (0, 0.6, 0.3)]
    with opened(write_subject_report(tmp_path, '01')) as browser:
        for plane, x, y in places:
            browser.point(plane, x, y)
            hovered = browser.text('.pointer')
            browser.drag(plane, (x, y))
            assert hovered == f'Under the pointer: {browser.text("output")}'
            voxel, value = parse(browser.text('output'))
            assert canonical[voxel] != 0
            truth = np.clip(canonical[voxel], *PACKED_WINDOW)
            assert value == pytest.approx(truth, abs=HALF_A_STEP)


@pytest.mark.parametrize('voxel', [(20, 30, 22), (33, 25, 15)])
def test_page_opens_at_the_voxel_of_its_address(report, synthetic_head, voxel):
    with opened(report) as browser:
        browser.run(f'location.hash = "voxel={",".join(map(str, voxel))}"')
        shown, value = parse(browser.text('output'))
        assert shown == voxel
        truth = np.clip(synthetic_head['chi'][voxel], *PACKED_WINDOW)
        assert value == pytest.approx(truth, abs=HALF_A_STEP)


def test_slices_move_by_keys_wheel_and_mouse(browser):
    browser.run('document.querySelectorAll("canvas")[2].focus()')
    before, at = [browser.pixels(plane) for plane in range(3)], voxel_of(browser)
    for name, step in [
        ('PageUp', (0, 0, 1)),
        ('PageDown', (0, 0, -1)),
        ('ArrowLeft', (-1, 0, 0)),
        ('ArrowUp', (0, 1, 0)),
        ('PageUp', (0, 0, 1)),
    ]:
        browser.key(name)
        assert (voxel_of(browser) - at).tolist() == list(step)
        at = voxel_of(browser)
    assert all(browser.pixels(plane) != before[plane] for plane in range(3))
    browser.point(2, 0.5, 0.5, turn=-100)
    assert (voxel_of(browser) - at).tolist() == [0, 0, 1]
    at = voxel_of(browser)
    browser.drag(2, (0.5, 0.5), (0.4, 0.6), (0.25, 0.75))
    assert (voxel_of(browser) - at)[:2].max() < -5
    assert voxel_of(browser)[2] == at[2]


def test_page_scrolls_over_a_plane_that_was_not_chosen(browser):
    at, top = voxel_of(browser), browser.run('scrollY')
    browser.point(1, 0.5, 0.5, turn=100)
    assert (voxel_of(browser) == at).all()
    browser.run('new Promise((done) => setTimeout(done, 500))')
    assert browser.run('scrollY') > top


@pytest.mark.parametrize('how', [{'button': 'right'}, {'modifiers': SHIFT}])
def test_window_follows_the_mouse_and_the_cross_stays(browser, how):
    at = browser.text('output')
    assert window_of(browser) == [-0.1, 0.2]
    browser.drag(2, (0.2, 0.5), (0.5, 0.5), (0.7, 0.5), **how)  # sideways by a half: twice as wide
    assert window_of(browser) == pytest.approx([-0.25, 0.35], abs=0.003)
    browser.run('document.querySelector("[name=reset]").click()')
    assert window_of(browser) == [-0.1, 0.2]
    light = np.mean(browser.pixels(2))
    browser.drag(2, (0.5, 0.7), (0.5, 0.3), **how)
    assert window_of(browser) == pytest.approx([-0.22, 0.08], abs=0.003)
    assert np.mean(browser.pixels(2)) > light + 10
    assert browser.text('output') == at


def choose(browser, name, value):
    browser.run(
        f"""((input) => {{ input.value = '{value}';
        input.dispatchEvent(new Event('input', {{ bubbles: true }})); }})
        (document.querySelector('[name={name}]'))"""
    )


def test_magnitude_has_a_window_of_its_own_and_the_mask_none(browser):
    choose(browser, 'shown', 'magnitude')
    assert window_of(browser) == [0, 255]
    browser.drag(2, (0.7, 0.5), (0.2, 0.5), button='right')
    assert window_of(browser) == pytest.approx([64, 191], abs=2)
    choose(browser, 'shown', 'chi')
    assert window_of(browser) == [-0.1, 0.2]
    choose(browser, 'shown', 'mask')
    assert browser.text('.window') == ''
    assert browser.run('document.querySelector("[name=lower]").disabled')
    assert set(browser.pixels(2)) - {0, 255} != set()  # the cross
    assert {0, 255} <= set(browser.pixels(2))


def test_sliders_keep_low_below_high(browser):
    choose(browser, 'lower', 0.3)
    assert window_of(browser) == [0.3, 0.301]
    choose(browser, 'upper', -0.2)
    assert window_of(browser) == [-0.201, -0.2]


def test_finger_swipes_through_slices_and_taps_the_cross(browser):
    at = voxel_of(browser)
    browser.swipe(2, (0.3, 0.5), (0.4, 0.5), (0.5, 0.5))
    there = voxel_of(browser)
    assert there[:2].tolist() == at[:2].tolist()
    assert there[2] >= at[2] + 5
    browser.swipe(2, (0.5, 0.5), (0.4, 0.5), (0.3, 0.5))
    assert (voxel_of(browser) == at).all()
    browser.swipe(2, (0.25, 0.25))
    assert voxel_of(browser)[2] == at[2]
    assert np.abs(voxel_of(browser) - at)[:2].min() > 5
    assert browser.run('getComputedStyle(document.querySelector("canvas")).touchAction') == 'pan-y'


TURNS = """((figure) => {
  const [first, second] = figure.querySelectorAll('img'), style = getComputedStyle(second);
  const state = () => [style.opacity, style.animationName], told = [state()];
  for (const name of ['second', 'both']) {
    figure.querySelector('.' + name).click();
    told.push(state());
  }
  const [a, b] = [first, second].map((image) => image.getBoundingClientRect());
  return { told, same: ['top', 'left', 'width', 'height'].every((side) => a[side] === b[side]) };
})(document.querySelector('.turns'))"""


def test_pictures_take_turns_where_motion_is_welcome(browser):
    found = browser.run(TURNS)
    assert found['same']
    assert found['told'][:2] == [['0', 'none'], ['1', 'none']]
    assert found['told'][2][1] == 'turns'


def test_pictures_lie_still_for_those_who_ask_for_it(browser):
    preference = {'name': 'prefers-reduced-motion', 'value': 'reduce'}
    browser.call('Emulation.setEmulatedMedia', features=[preference])
    assert browser.run(TURNS)['told'] == [['0', 'none'], ['1', 'none'], ['0.5', 'none']]


def test_pictures_take_turns_by_keyboard(browser):
    browser.run('document.querySelector(".turns .first").focus()')
    second = 'getComputedStyle(document.querySelectorAll(".turns img")[1])'
    browser.key('ArrowRight')
    assert browser.run(f'{second}.opacity') == '1'
    browser.key('ArrowLeft')
    assert browser.run(f'{second}.opacity') == '0'
    browser.key('Tab')  # to the pictures
    assert browser.run('document.activeElement.className') == 'scroll'
    assert browser.run(f'{second}.animationName') == 'turns'


@pytest.mark.skipif(not AXE, reason='needs axe-core from npm: AXE=.../axe-core/axe.min.js')
@pytest.mark.parametrize('width', [1280, 390])
def test_axe_has_nothing_to_say(browser, width):
    size = {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 500}
    browser.call('Emulation.setDeviceMetricsOverride', **size)
    assert browser.run('document.documentElement.scrollWidth') <= width
    browser.run(Path(AXE).read_text())
    found = browser.run('axe.run().then((told) => told.violations.map((v) => v.impact + v.id))')
    assert found == []
