"""Volumes for the viewer: susceptibility, magnitude and mask as the three colours of one PNG.

A browser decodes it by itself. The chunk ``qsm`` of the file says how the slices are laid out.
"""

import io
import json
import math

import numpy as np
from PIL import Image, PngImagePlugin

from qsmnet_bids.reports.planes import Grid

PACKED_WINDOW = (-0.25, 0.384)
"""ppm of the values 1 and 255, in steps of about 0.0025; beyond it the viewer shows the ends."""
MAX_VOXELS = 6_000_000
"""Larger boxes keep every second voxel, so that a report stays below 15 MB."""


def pack(magnitude: np.ndarray, chi: np.ndarray, mask: np.ndarray, grid: Grid) -> bytes:
    """Make the viewer's PNG.

    Parameters
    ----------
    magnitude
        Grey values 0 to 255, shape ``(x, y, z)``.
    chi
        ppm, shape ``(x, y, z)``.
    mask
        True inside, shape ``(x, y, z)``.
    grid
        Axes and box; what lies outside the box is left out.
    """
    low, high = PACKED_WINDOW
    chi = np.nan_to_num(chi, nan=low, posinf=high, neginf=low)
    grey = np.clip(np.rint((chi - low) * (254 / (high - low))) + 1, 1, 255).astype(np.uint8)
    grey[~mask] = 0
    volumes = np.stack([grey, magnitude, mask.astype(np.uint8) * 255], axis=-1)
    turned = np.stack([grid.turn(volumes[..., colour]) for colour in range(3)], axis=-1)
    inside = turned[tuple(slice(start, end) for start, end in grid.box)]
    step = math.ceil((inside[..., 0].size / MAX_VOXELS) ** (1 / 3))
    inside = inside[::step, ::step, ::step]
    nx, ny, nz = inside.shape[:3]
    columns = math.ceil(math.sqrt(nz))
    rows = math.ceil(nz / columns)
    canvas = np.zeros((rows * ny, columns * nx, 3), dtype=np.uint8)
    for k in range(nz):
        y, x = k // columns * ny, k % columns * nx
        canvas[y : y + ny, x : x + nx] = inside[:, :, k].transpose(1, 0, 2)
    layout = {
        'shape': [nx, ny, nz],
        'columns': columns,
        'voxel': [round(size * step, 6) for size in grid.voxel_size],
        'start': grid.box[:, 0].tolist(),
        'step': step,
        'window': list(PACKED_WINDOW),
    }
    text = PngImagePlugin.PngInfo()
    text.add_text('qsm', json.dumps(layout))
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, 'PNG', compress_level=2, pnginfo=text)
    return file.getvalue()


def layout_of(png: bytes) -> dict[str, object]:
    """Read how the slices of a packed PNG are laid out; empty for any other picture."""
    with Image.open(io.BytesIO(png)) as image:
        told = image.info.get('qsm', '{}')
    layout = json.loads(told)
    return layout if isinstance(layout, dict) else {}
