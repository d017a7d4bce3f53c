"""For the node that measures the regions of an atlas."""

from dataclasses import dataclass

import numpy as np

from qsmnet_bids.phantom.template import load_tissue
from qsmnet_bids.regional.alignment import align

__all__ = ['Template', 'align', 'load_template']

_CONTRAST, _INSIDE = 2, 3


@dataclass(frozen=True, eq=False)
class Template:
    """The T1-weighted brain of MNI152.

    Parameters
    ----------
    volume
        0 to 1, shape ``(x, y, z)``.
    mask
        The brain.
    affine
        From voxels to mm of MNI152.
    """

    volume: np.ndarray
    mask: np.ndarray
    affine: np.ndarray


def load_template() -> Template:
    """Load the template that the nilearn package carries."""
    tissue = load_tissue((1.0, 1.0, 1.0))
    affine = np.diag([*tissue.spacing, 1.0])
    affine[:3, 3] = tissue.origin
    maps = tissue.maps.numpy()
    return Template(maps[_CONTRAST], maps[_INSIDE] > 0.5, affine)
