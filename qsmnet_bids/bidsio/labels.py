"""Label maps on the grid of a run. Loads torch, and SciPy where a map must be resampled."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.bidsio.nifti import open_image
from qsmnet_bids.bidsio.segmentations import load_labels


def labels_on_grid(path: Path, *, like: Path) -> Int[Tensor, 'x y z']:
    """Load a segmentation where an image's voxels are; each takes the label of the nearest.

    Parameters
    ----------
    path
        Segmentation in the space of the image.
    like
        Image on the grid that is wanted.

    Returns
    -------
        Zero where the segmentation does not reach.
    """
    labels, affine = load_labels(path)
    grid = open_image(like)
    shape = tuple(grid.shape[:3])
    to_voxels = np.linalg.inv(affine) @ np.asarray(grid.affine)
    if labels.shape == shape and np.allclose(to_voxels, np.eye(4), atol=1e-3):
        return torch.from_numpy(labels)
    moved = ndimage.affine_transform(
        labels, to_voxels[:3, :3], to_voxels[:3, 3], output_shape=shape, order=0
    )
    return torch.from_numpy(moved)
