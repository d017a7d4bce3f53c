"""How much memory a node needs, from the size of the images.

Measured peaks of the process, per voxel of float32 volumes held at once; a padded volume counts
with its padding.
"""

import math

BASE_GB = 0.4
"""Of a worker with torch loaded."""

VOLUMES: dict[str, tuple[float, float]] = {
    'mask_run': (12.0, 3.0),
    'fit_field': (24.0, 4.0),
    'remove_background': (40.0, 0.0),
    'invert_dipole': (40.0, 0.0),
    'draw_figures': (12.0, 2.0),
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
