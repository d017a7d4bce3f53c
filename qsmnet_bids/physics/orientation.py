"""Direction of B0 and voxel size from a NIfTI affine. Knows numpy only, so that it loads fast."""

import numpy as np

from qsmnet_bids.vectors import Vector


def voxel_size_from_affine(affine: np.ndarray) -> Vector:
    """Lengths of the voxel's edges.

    Parameters
    ----------
    affine
        Voxel to scanner coordinates in mm, 4 x 4.

    Returns
    -------
        mm.
    """
    x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
    return float(x), float(y), float(z)


def b0_dir_from_affine(affine: np.ndarray) -> Vector:
    """Direction of B0, the scanner's z axis, in voxel axes.

    Parameters
    ----------
    affine
        Voxel to scanner coordinates in mm, 4 x 4.

    Returns
    -------
        Unit vector.

    >>> b0_dir_from_affine(np.diag([1.0, 1.0, 2.0, 1.0]))
    (0.0, 0.0, 1.0)
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    x, y, z = np.linalg.solve(axes, np.array([0.0, 0.0, 1.0]))
    length = float(np.sqrt(x * x + y * y + z * z))
    return float(x) / length, float(y) / length, float(z) / length
