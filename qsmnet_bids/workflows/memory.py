"""How much memory a node needs, from the size of the images.

Volumes of float32 held at once, from measured peaks. Where a stage works on the box around the
mask, the mask is taken to fill the image.
"""

import math

from qsmnet_bids.vectors import Vector

BASE_GB = 0.4
"""Of a worker with torch loaded."""

VOLUMES: dict[str, tuple[float, float]] = {
    'mask_run': (6.0, 3.0),
    'fit_field': (14.0, 5.0),
    'remove_background': (36.0, 0.0),
    'invert_dipole': (60.0, 0.0),
    'estimate_uncertainty': (90.0, 0.0),
    'combine_passes': (20.0, 0.0),
    'weigh_magnitude': (14.0, 2.0),
    'draw_figures': (6.0, 3.0),
    'measure_regions': (10.0, 0.0),
    'measure_atlas': (30.0, 0.0),
    'write_derivatives': (6.0, 0.0),
}
"""Volumes of 4 bytes per voxel: always, and for each echo."""


ENSEMBLE_VOLUMES = 30.0
"""What an uncertainty holds beside what the inversion does: copies of the field, and sums."""

NETWORK_VOLUMES = 100.0
"""What a U-Net of 16 features holds at once, in volumes of its own grid."""

WHOLE_VOLUMES = 80.0
"""What a network with data consistency holds at once: mostly spectra of the padded volume."""

TURNED = 1.9
"""Voxels of the grid that holds a turned image, relative to the image's: at 30 degrees."""


def network_memory_gb(
    shape: tuple[int, int, int], *, voxel_size: Vector, b0_dir: Vector, is_tiled: bool
) -> float:
    """Estimate the memory of an inversion by a network.

    Parameters
    ----------
    shape
        Voxels in x, y, z.
    voxel_size
        mm; a network sees cubes of its shortest edge.
    b0_dir
        Unit vector along B0 in voxel axes; a network sees it along z.
    is_tiled
        Whether the network is applied in tiles; what it holds then is small.

    Returns
    -------
        GiB.
    """
    cubes = math.prod(shape) * math.prod(voxel_size) / min(voxel_size) ** 3
    if is_oblique(b0_dir):
        cubes *= TURNED
    volumes = 20.0 if is_tiled else NETWORK_VOLUMES
    return BASE_GB + volumes * 4 * cubes / 2**30


def whole_memory_gb(shape: tuple[int, int, int]) -> float:
    """Estimate the memory of an inversion by a network that works on the image's own grid.

    Parameters
    ----------
    shape
        Voxels in x, y, z.

    Returns
    -------
        GiB.
    """
    return BASE_GB + WHOLE_VOLUMES * 4 * math.prod(shape) / 2**30


def ensemble_memory_gb(shape: tuple[int, int, int]) -> float:
    """Estimate what an uncertainty adds to the memory of the inversion, however many its members.

    Parameters
    ----------
    shape
        Voxels in x, y, z.

    Returns
    -------
        GiB.
    """
    return ENSEMBLE_VOLUMES * 4 * math.prod(shape) / 2**30


def is_oblique(b0_dir: Vector) -> bool:
    """Tell whether an image must be turned for B0 to lie along an axis.

    Parameters
    ----------
    b0_dir
        Unit vector along B0 in voxel axes.
    """
    return max(abs(component) for component in b0_dir) < math.cos(math.radians(0.1))


def memory_gb(
    node: str, shape: tuple[int, int, int], *, n_echoes: int, n_orientations: int = 1
) -> float:
    """Estimate the memory of a node.

    Parameters
    ----------
    node
        Name of the node in the workflow of an acquisition.
    shape
        Voxels in x, y, z.
    n_echoes
        Of the acquisition.
    n_orientations
        That are inverted together.

    Returns
    -------
        GiB.
    """
    always, per_echo = VOLUMES[node]
    if node == 'invert_dipole':
        always *= n_orientations
    return BASE_GB + (always + per_echo * n_echoes) * 4 * math.prod(shape) / 2**30
