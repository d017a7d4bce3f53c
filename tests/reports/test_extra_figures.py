import numpy as np
import pytest
from PIL import Image

from qsmnet_bids.reports.captions import PAIRS, figure_label
from qsmnet_bids.reports.figures import draw_figures


@pytest.mark.parametrize(
    ('name', 'values', 'levels'),
    [
        ('r2star', (15.0, 30.0), (64, 127)),  # of 0 to 60 per second
        ('residual', (-0.005, 0.01), (64, 127)),  # of 0 to 0.02 ppm, whatever the sign
        ('uncertainty', (0.025, 0.2), (127, 255)),  # of 0 to 0.05 ppm
    ],
)
def test_grey_of_what_is_drawn_beside_the_map(synthetic_head, tmp_path, name, values, levels):
    left = np.arange(48)[:, None, None] < 24
    volume = np.where(left, np.float32(values[0]), np.float32(values[1])) * synthetic_head['mask']
    draw_figures(tmp_path / 'sub-01', **synthetic_head | {name: volume})
    path = tmp_path / f'sub-01_desc-{figure_label(name, "tikhonov")}_MEGRE.png'
    pixels = np.asarray(Image.open(path))[:, :1300]
    assert (pixels == 0).mean() > 0.1  # black outside the mask
    counts = np.bincount(pixels[pixels > 0], minlength=256)
    for level in levels:
        near = slice(max(level - 4, 1), level + 5)
        assert counts[near].sum() > 0.3 * counts.sum()


def test_window_of_the_unwrapped_phase_holds_it(synthetic_head, tmp_path):
    ramp = np.linspace(-30, 90, 48, dtype=np.float32)[:, None, None] * synthetic_head['mask']
    draw_figures(tmp_path / 'sub-01', **synthetic_head | {'unwrapped': ramp})
    pixels = np.asarray(Image.open(tmp_path / 'sub-01_desc-unwrapped_MEGRE.png'))[:, :1300]
    assert (pixels > 250).mean() < 0.02  # 50 pi: the whole ramp is inside, but for labels
    assert np.percentile(pixels[pixels > 0], 99) > 160


@pytest.mark.parametrize(('first', 'second'), PAIRS)
def test_pictures_shown_in_turns_lie_on_one_another(figures, first, second):
    masks = []
    for what in (first, second):
        path = figures[0].with_name(
            f'sub-01_run-1_desc-{figure_label(what, "tikhonov")}_MEGRE.png'
        )
        image = Image.open(path)
        masks.append((image.size, np.asarray(image.convert('L'))[:, :1300] > 0))
    assert masks[0][0] == masks[1][0]
    inside = masks[0][1]
    assert (masks[1][1] & inside).sum() > 0.97 * inside.sum()


def test_without_the_extra_maps_there_are_no_such_pictures(synthetic_head, tmp_path):
    extra = ('r2star', 'residual', 'unwrapped')
    few = {name: volume for name, volume in synthetic_head.items() if name not in extra}
    names = ' '.join(path.name for path in draw_figures(tmp_path / 'sub-01', **few))
    assert not any(name in names for name in extra)


def test_extra_map_of_a_wrong_shape_is_named(synthetic_head, tmp_path):
    head = synthetic_head | {'residual': synthetic_head['residual'][1:]}
    with pytest.raises(ValueError, match='residual must have shape'):
        draw_figures(tmp_path / 'sub-01', **head)
