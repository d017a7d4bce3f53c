"""Labels on another grid: of all labels within a voxel, the most frequent one."""

import math

import numpy as np

Shape = tuple[int, int, int]

MOST_SAMPLES = 4
"""Along each axis of a voxel."""


def resample_labels(
    labels: np.ndarray, *, affine: np.ndarray, to_affine: np.ndarray, to_shape: Shape
) -> np.ndarray:
    """Bring a segmentation to another grid through both affines.

    Each voxel of the new grid is sampled at as many places as labels fit into it, at most
    4 x 4 x 4, and takes the most frequent label; of several, the one at its centre. Where the
    new voxels are no larger than the old, that is the nearest label.

    Parameters
    ----------
    labels
        Whole numbers, shape ``(x, y, z)``.
    affine, to_affine
        From voxels to mm of the old and the new grid, 4 x 4; any orientation.
    to_shape
        Voxels of the new grid.

    Returns
    -------
        Of the labels' dtype, shape ``to_shape``; 0 where the segmentation does not reach.
    """
    if labels.ndim != 3 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f'labels must be 3D whole numbers, got {labels.dtype} {labels.shape}')
    matrix = np.linalg.inv(affine) @ to_affine
    offsets = _offsets(matrix)
    sampled = np.empty(to_shape, dtype=labels.dtype)
    x, y = np.meshgrid(np.arange(to_shape[0]), np.arange(to_shape[1]), indexing='ij')
    for z in range(to_shape[2]):  # slice by slice, so that memory stays small
        centres = np.stack([x, y, np.full_like(x, z)]).reshape(3, -1)
        sampled[:, :, z] = _vote(labels, matrix, centres, offsets).reshape(to_shape[:2])
    return sampled


def sample_mask(
    mask: np.ndarray, *, affine: np.ndarray, voxels: np.ndarray, voxels_affine: np.ndarray
) -> np.ndarray:
    """Tell which voxels of one grid lie inside a mask on another.

    Parameters
    ----------
    mask
        Boolean, shape ``(x, y, z)``.
    affine
        From its voxels to mm.
    voxels
        Indices on the other grid, shape ``(3, n)``.
    voxels_affine
        From those to mm.

    Returns
    -------
        Boolean, shape ``(n,)``; False where the mask's grid does not reach.
    """
    matrix = np.linalg.inv(affine) @ voxels_affine
    return _take(mask, matrix[:3, :3] @ voxels + matrix[:3, 3:])


def _offsets(matrix: np.ndarray) -> np.ndarray:
    """Places within a new voxel, in its own coordinates; the centre alone if it is small."""
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    # a hair above a whole number is rounding of the affines
    counts = [min(MOST_SAMPLES, max(1, math.ceil(step - 0.01))) for step in steps]
    axes = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    return np.stack(np.meshgrid(*axes, indexing='ij')).reshape(3, -1)


def _vote(
    labels: np.ndarray, matrix: np.ndarray, centres: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    places = matrix[:3, :3] @ centres + matrix[:3, 3:]
    middle = _take(labels, places)
    if offsets.shape[1] == 1:
        return middle
    shifts = (matrix[:3, :3] @ offsets).T
    votes = np.stack([_take(labels, places + shift[:, None]) for shift in shifts])
    is_mixed = (votes != votes[0]).any(axis=0)
    winner = votes[0].copy()
    mixed, at_centre = votes[:, is_mixed], middle[is_mixed]
    counts = np.stack([(mixed == vote).sum(axis=0) for vote in mixed])
    # half a vote decides between equals only
    best = np.argmax(counts + 0.5 * (mixed == at_centre), axis=0)
    winner[is_mixed] = np.take_along_axis(mixed, best[None], axis=0)[0]
    return winner


def _take(volume: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Take the nearest voxel; zero outside."""
    indices = np.floor(places + 0.5).astype(np.int64)
    shape = np.array(volume.shape)[:, None]
    is_inside = ((indices >= 0) & (indices < shape)).all(axis=0)
    taken = np.zeros(places.shape[1], dtype=volume.dtype)
    taken[is_inside] = volume[tuple(indices[:, is_inside])]
    return taken
