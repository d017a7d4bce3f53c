"""How much memory a node needs, from the size of the images.

Volumes of float32 held at once, from measured peaks. Where a stage works on the box around the
mask, the mask is taken to fill the image.
"""

import math

BASE_GB = 0.4
"""Of a worker with torch loaded."""

VOLUMES: dict[str, tuple[float, float]] = {
    'mask_run': (6.0, 3.0),
    'fit_field': (14.0, 5.0),
    'remove_background': (36.0, 0.0),
    'invert_dipole': (60.0, 0.0),
    'draw_figures': (6.0, 3.0),
    'write_derivatives': (6.0, 0.0),
}
"""Volumes of 4 bytes per voxel: always, and for each echo."""


def memory_gb(node: str, shape: tuple[int, int, int], *, n_echoes: int) -> float:
    """Estimate the memory of a node.

    Parameters
    ----------
    node
        Name of the node in the workflow of an acquisition.
    shape
        Voxels in x, y, z.
    n_echoes
        Of the acquisition.

    Returns
    -------
        GiB.
    """
    always, per_echo = VOLUMES[node]
    return BASE_GB + (always + per_echo * n_echoes) * 4 * math.prod(shape) / 2**30
