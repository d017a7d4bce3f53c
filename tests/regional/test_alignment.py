import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from qsmnet_bids.regional.alignment import align

pytest.importorskip('SimpleITK', reason='the extra atlas is not installed')
TO_MM = np.array([[2.0, 0, 0, -60], [0, 2.0, 0, -70], [0, 0, 2.0, -50], [0, 0, 0, 1]])
SHAPE = (60, 70, 50)


@pytest.fixture(scope='module')
def template():
    """An ellipsoid with structures that fix its pose: ventricle-like and nucleus-like blobs."""
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing='ij'), -1) @ TO_MM[:3, :3].T
    places = grid + TO_MM[:3, 3]
    x, y, z = np.moveaxis(places, -1, 0)
    mask = (x / 48) ** 2 + (y / 58) ** 2 + (z / 40) ** 2 < 1
    volume = 0.6 + 0.2 * np.sin(x / 9) * np.cos(y / 11) * np.sin(z / 8 + 1)
    volume[(x / 8) ** 2 + ((y - 10) / 20) ** 2 + ((z - 5) / 9) ** 2 < 1] = 0.1
    for centre in ((22, 8, 0), (-22, 8, 0), (0, -35, -12)):
        volume[((places - centre) ** 2).sum(-1) < 64] = 1.0
    return (volume * mask).astype(np.float32), mask


@pytest.mark.slow
@pytest.mark.parametrize('angle', [0.0, 20.0])
def test_finds_a_known_affine_across_contrasts(template, angle):
    volume, mask = template
    # a head that is larger, turned, shifted, on another grid and of inverted contrast
    true = np.eye(4)
    true[:3, :3] = Rotation.from_euler('xyz', [angle, 6, -4], degrees=True).as_matrix() @ np.diag(
        [0.95, 1.04, 0.97]
    )
    true[:3, 3] = 9, -12, 5
    affine = np.diag([-1.8, 1.8, 3.0, 1])
    affine[:3, 3] = 75, -75, -66
    to_voxels = np.linalg.inv(TO_MM) @ true @ affine
    shape = (84, 84, 44)
    inverted = np.where(mask, 1.3 - volume, 0)

    def moved(what, order):
        return ndimage.affine_transform(
            what.astype(np.float32), to_voxels[:3, :3], to_voxels[:3, 3], shape, order=order
        )

    rng = np.random.default_rng(3)
    brain = moved(inverted, 1) * 500 + rng.normal(0, 20, shape)
    brain_mask = moved(mask, 1) > 0.5
    found = align(
        brain,
        mask=brain_mask,
        affine=affine,
        template=volume,
        template_mask=mask,
        template_affine=TO_MM,
    )
    places = np.array(np.nonzero(brain_mask))
    places = affine @ np.vstack([places, np.ones(places.shape[1])])
    error = np.linalg.norm(((found.matrix - true) @ places)[:3], axis=0)
    assert np.sqrt((error**2).mean()) < 1.5
    assert found.share_inside > 0.95


def test_refuses_an_empty_mask(template):
    volume, mask = template
    with pytest.raises(ValueError, match='hold a voxel each'):
        align(
            volume,
            mask=np.zeros_like(mask),
            affine=TO_MM,
            template=volume,
            template_mask=mask,
            template_affine=TO_MM,
        )
