"""The distribution of susceptibility as a PNG."""

import numpy as np
from PIL import Image, ImageDraw

from qsmnet_bids.reports.canvas import encode, font
from qsmnet_bids.reports.captions import CHI_WINDOW

WIDTH, HEIGHT = 900, 320
RANGE = (-0.4, 0.5)
"""ppm."""
N_BINS = 180

_LEFT, _RIGHT, _TOP, _BASE = 76, WIDTH - 24, 22, HEIGHT - 58
_INK, _BARS, _BAND, _PAPER = 0, 74, 236, 255
_TICK = 5


def histogram(values: np.ndarray) -> bytes:
    """Draw a histogram over a fixed range, so that subjects can be compared.

    Parameters
    ----------
    values
        Susceptibility, ppm, shape ``(n,)``.

    Returns
    -------
        A PNG file, grey.
    """
    low, high = RANGE
    counts, edges = np.histogram(values, bins=N_BINS, range=RANGE)
    share = 100 * counts / max(values.size, 1)
    top = max(float(share.max()) * 1.08, 0.1)
    image = Image.new('L', (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((_across(CHI_WINDOW[0]), _TOP, _across(CHI_WINDOW[1]), _BASE), fill=_BAND)
    for first, last, percent in zip(
        edges[:-1].tolist(), edges[1:].tolist(), share.tolist(), strict=True
    ):
        if percent > 0:
            height = percent / top * (_BASE - _TOP)
            draw.rectangle((_across(first), _BASE - height, _across(last), _BASE), fill=_BARS)
    draw.line((_across(0.0), _TOP, _across(0.0), _BASE), fill=_INK)
    _axes(draw, top)
    outside = 100 * np.mean((values < low) | (values > high)) if values.size else 0.0
    words = f'{outside:.2g} % outside the axis'
    draw.text((_RIGHT - 6, _TOP + 4), words, fill=_INK, font=font(), anchor='ra')
    label = Image.new('L', (200, 20), _PAPER)
    ImageDraw.Draw(label).text(
        (100, 10), 'voxels per bin (%)', fill=_INK, font=font(), anchor='mm'
    )
    image.paste(label.rotate(90, expand=True), (4, (_TOP + _BASE) // 2 - 100))
    return encode(image)


def _axes(draw: ImageDraw.ImageDraw, top: float) -> None:
    draw.line((_LEFT, _BASE, _RIGHT, _BASE), fill=_INK)
    draw.line((_LEFT, _TOP, _LEFT, _BASE), fill=_INK)
    for tick in (np.arange(-4, 6) / 10).tolist():
        x = _across(tick)
        draw.line((x, _BASE, x, _BASE + _TICK), fill=_INK)
        draw.text((x, _BASE + _TICK + 3), f'{tick:g}', fill=_INK, font=font(), anchor='ma')
    middle = (_LEFT + _RIGHT) / 2
    draw.text((middle, HEIGHT - 6), 'susceptibility (ppm)', fill=_INK, font=font(), anchor='md')
    power = 10.0 ** np.floor(np.log10(top / 2))
    step = next(power * factor for factor in (1, 2, 5, 10) if top / (power * factor) <= 5)
    for tick in np.arange(0, top, step):
        y = _BASE - tick / top * (_BASE - _TOP)
        draw.line((_LEFT - _TICK, y, _LEFT, y), fill=_INK)
        draw.text((_LEFT - _TICK - 4, y), f'{tick:.6g}', fill=_INK, font=font(), anchor='rm')


def _across(value: float) -> float:
    low, high = RANGE
    return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)
