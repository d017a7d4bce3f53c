import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from qsmnet_bids.reports.captions import CAPTIONS, OPTIONAL, TITLES, figure_label
from qsmnet_bids.reports.figures import draw_figures
from qsmnet_bids.reports.planes import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Tile,
    arrange,
    grid_around,
    picture,
    spread,
)

RAS = np.diag([3.0, 3.0, 3.0, 1.0])
LPI = np.array([[-3.0, 0, 0, 90], [0, -3.0, 0, 60], [0, 0, -3.0, 45], [0, 0, 0, 1]])
PERMUTED = np.array([[0, 0, 3.0, -60], [3.0, 0, 0, -50], [0, -3.0, 0, 70], [0, 0, 0, 1]])
OBLIQUE = np.array(
    [[2.6, -1.5, 0, -30], [1.5, 2.6, 0, -60], [0, 0, 3.0, -40], [0, 0, 0, 1]], dtype=float
)


def open_png(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def cube_at(affine, *, right, anterior, superior, shape=(40, 36, 32)):
    """A bright cube at scanner coordinates relative to the volume's centre, in mm."""
    centre = affine @ [*((np.array(shape) - 1) / 2), 1]
    place = (
        np.linalg.solve(affine, np.add(centre, [right, anterior, superior, 0]))[:3]
        .round()
        .astype(int)
    )
    volume = np.zeros(shape, dtype=np.uint8)
    volume[tuple(slice(index - 2, index + 3) for index in place)] = 255
    return volume


def brightest(volume, affine, axis):
    """Where the cube is on the picture through it: fractions from the left and from the top."""
    grid = grid_around(np.ones(volume.shape, dtype=bool), affine)
    turned = grid.turn(volume)
    index = int(np.argwhere(turned == 255)[:, axis].mean())
    tiles, _ = arrange([[Tile(axis, index)]], grid, left=0, right=300)
    seen = picture(turned, grid, tiles[0][0], smooth=False)
    rows, columns = np.nonzero(seen == 255)
    return columns.mean() / seen.shape[1], rows.mean() / seen.shape[0]


@pytest.mark.parametrize(
    'affine', [RAS, LPI, PERMUTED, OBLIQUE], ids=['RAS', 'LPI', 'permuted', 'oblique']
)
class TestOrientation:
    def test_subjects_left_is_at_the_left_of_axial_and_coronal(self, affine):
        cube = cube_at(affine, right=-25, anterior=0, superior=0)
        assert brightest(cube, affine, AXIAL)[0] < 0.4
        assert brightest(cube, affine, CORONAL)[0] < 0.4

    def test_anterior_is_up_in_axial_and_right_in_sagittal(self, affine):
        cube = cube_at(affine, right=0, anterior=25, superior=0)
        assert brightest(cube, affine, AXIAL)[1] < 0.4
        assert brightest(cube, affine, SAGITTAL)[0] > 0.6

    def test_superior_is_up_in_coronal_and_sagittal(self, affine):
        cube = cube_at(affine, right=0, anterior=0, superior=25)
        assert brightest(cube, affine, CORONAL)[1] < 0.4
        assert brightest(cube, affine, SAGITTAL)[1] < 0.4


def test_turning_keeps_the_place_of_every_voxel():
    volume = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    grid = grid_around(np.ones(volume.shape, dtype=bool), PERMUTED)
    turned = grid.turn(volume)
    for index in [(0, 0, 0), (3, 1, 5), (2, 4, 3)]:
        world = PERMUTED @ [*index, 1]
        place = np.linalg.solve(grid.affine, world)[:3].round().astype(int)
        assert turned[tuple(place)] == volume[index]


def test_tiles_have_the_proportions_of_the_head_not_of_the_matrix():
    grid = grid_around(np.ones((60, 60, 20), dtype=bool), np.diag([1.0, 1.0, 3.0, 1.0]))
    rows, _ = arrange(
        [spread(grid, axis, 3) for axis in (AXIAL, CORONAL)], grid, left=0, right=900
    )
    for row in rows:
        for tile in row:
            assert tile.width == pytest.approx(tile.height, abs=1)


def test_slices_lie_inside_the_mask():
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[10:18, 22:36, 5:30] = True
    grid = grid_around(mask, RAS)
    for axis, (low, high) in enumerate([(10, 18), (22, 36), (5, 30)]):
        assert all(low <= tile.index < high for tile in spread(grid, axis, 6))


def test_thin_slab_gives_the_slices_there_are():
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:, :, 9:11] = True
    grid = grid_around(mask, RAS, margin_mm=0.0)
    assert 1 <= len(spread(grid, AXIAL, 6)) <= 2


def test_position_is_the_scanner_coordinate_of_the_slice():
    grid = grid_around(np.ones((40, 36, 32), dtype=bool), LPI)
    # slice 0 of the turned volume is the last stored one
    assert grid.position(SAGITTAL, 0) == pytest.approx(90 - 3 * 39)
    assert grid.position(AXIAL, 31) == pytest.approx(45)


def test_all_figures_are_written_under_the_names_of_the_contract(figures):
    prefix, paths = figures
    names = {
        f'sub-01_run-1_desc-{figure_label(what, "tikhonov")}_MEGRE.png'
        for what in {*CAPTIONS, 'viewer'} - OPTIONAL.keys()
    }
    assert {path.name for path in paths} == names
    assert {path.name for path in prefix.parent.iterdir()} == names
    assert set(TITLES) == set(CAPTIONS)


def test_figures_are_compact_pngs_without_metadata(figures):
    for path in figures[1]:
        assert path.stat().st_size < 600_000
        image = open_png(path)
        assert image.format == 'PNG'
        assert image.width <= 1400
        assert not image.info.get('Software')


def test_same_input_gives_same_bytes(figures, synthetic_head, tmp_path):
    again = draw_figures(tmp_path / 'sub-01_run-1', **synthetic_head)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in figures[1]]


def test_every_echo_has_a_row_up_to_eight(figures, synthetic_head, tmp_path):
    many = dict(synthetic_head)
    for name in ('magnitude', 'phase'):
        many[name] = np.repeat(many[name][:1], 12, axis=0)
    draw_figures(tmp_path / 'sub-01', **many)
    three = open_png(figures[0].with_name('sub-01_run-1_desc-phase_MEGRE.png')).height
    twelve = open_png(tmp_path / 'sub-01_desc-phase_MEGRE.png').height
    assert twelve == pytest.approx(three * 8 / 3, abs=20)


def test_grey_of_chi_follows_the_fixed_window(synthetic_head, tmp_path):
    halves = np.where(np.arange(48)[:, None, None] < 24, np.float32(0.05), np.float32(0.5))
    head = synthetic_head | {'chi': np.where(synthetic_head['mask'], halves, np.float32(0))}
    draw_figures(tmp_path / 'sub-01', **head)
    pixels = np.asarray(open_png(tmp_path / 'sub-01_desc-chitikhonov_MEGRE.png'))[:, :1300]
    counts = np.bincount(pixels[pixels > 0], minlength=256)
    assert counts[:200].argmax() == pytest.approx(127, abs=4)  # the middle of -0.1 to 0.2
    assert counts[200:].argmax() + 200 == 255


def test_not_finite_values_do_not_stop_the_figures(synthetic_head, tmp_path):
    head = dict(synthetic_head)
    head['chi'] = head['chi'].copy()
    head['chi'][24, 28, 20] = np.nan
    head['magnitude'] = head['magnitude'].copy()
    head['magnitude'][0, 0, 0, 0] = np.inf
    assert len(draw_figures(tmp_path / 'sub-01', **head)) == len(
        {*CAPTIONS, 'viewer'} - OPTIONAL.keys()
    )


def test_empty_mask_is_refused(synthetic_head, tmp_path):
    head = synthetic_head | {'mask': np.zeros_like(synthetic_head['mask'])}
    with pytest.raises(ValueError, match='mask must not be empty'):
        draw_figures(tmp_path / 'sub-01', **head)


def test_wrong_shape_is_named(synthetic_head, tmp_path):
    head = synthetic_head | {'local': synthetic_head['local'][:-1]}
    with pytest.raises(ValueError, match=re.escape('local must have shape (48, 56, 40)')):
        draw_figures(tmp_path / 'sub-01', **head)


def test_reports_need_neither_torch_nor_pyplot():
    code = (
        'import sys, qsmnet_bids.reports.figures, qsmnet_bids.reports.html,'
        ' qsmnet_bids.reports.group; print({"torch", "matplotlib.pyplot"} & set(sys.modules))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'


def test_outline_is_in_colour_and_the_maps_are_grey(figures):
    for path in figures[1]:
        pixels = np.asarray(open_png(path).convert('RGB')).astype(int)
        coloured = (np.ptp(pixels, axis=2) > 60).sum()
        # the viewer's file packs three volumes into its colours
        expected = 'desc-mask' in path.name or 'desc-viewer' in path.name
        assert (coloured > 500) == expected
