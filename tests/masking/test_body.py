import numpy as np
import pytest
import torch
from scipy import ndimage

from qsmnet_bids.masking.body import Tissue, solid
from qsmnet_bids.masking.morphology import erode
from tests.simulated import coordinates


def test_solid_cuts_the_scalp_off_and_heals_the_brain():
    offset = torch.arange(48) - 24.0
    distance = torch.stack(torch.meshgrid(offset, offset, offset, indexing='ij'))
    radius = distance.square().sum(0).sqrt()
    brain = radius < 14
    scalp = (radius > 18) & (radius < 21)
    bridge = (distance[:2].abs().amax(0) < 2) & (distance[2] > 0) & (radius < 20)
    vein = (distance[0].abs() < 1) & (distance[1].abs() < 1)
    candidate = ((brain & ~vein) | scalp | bridge) & (radius > 3)

    body = solid(
        Tissue(candidate), voxel_size=(1.0, 1.0, 1.0), opening_radius=3.0, closing_radius=3.0
    )

    assert ndimage.label(body.numpy())[1] == 1
    assert bool((body & brain).sum() >= 0.995 * brain.sum())
    assert float((body & ~brain).sum()) < 0.02 * float(brain.sum())
    assert not (body & scalp).any()
    assert np.array_equal(body.numpy(), ndimage.binary_fill_holes(body.numpy()))


def test_thick_slices_do_not_close_the_skull():
    voxel_size = (1.0, 1.0, 3.0)
    x, y, z = (torch.arange(n) - n / 2 for n in (60, 60, 20))
    radius = (x[:, None, None] ** 2 + y[:, None] ** 2 + (3 * z) ** 2).sqrt()
    brain, scalp = radius < 18, (radius > 23) & (radius < 28)
    body = solid(
        Tissue(brain | scalp), voxel_size=voxel_size, opening_radius=3.0, closing_radius=4.0
    )
    assert not (body & scalp).any()
    assert float((body & brain).sum()) > 0.98 * float(brain.sum())


@pytest.mark.parametrize('voxel_size', [(4.0, 4.0, 4.0), (5.0, 5.0, 5.0), (2.0, 2.0, 5.0)])
def test_coarse_voxels_do_not_weld_the_scalp_on(voxel_size):
    shape = tuple(round(150 / size) for size in voxel_size)
    offsets = coordinates(shape, voxel_size)
    radius = offsets.square().sum(0).sqrt()
    brain, scalp = radius < 48, (radius > 56.5) & (radius < 66)
    # along each axis, one or two voxels wide
    bridge = (offsets.abs() < 0.6 * torch.tensor(voxel_size).view(3, 1, 1, 1)).sum(0) > 1
    candidate = brain | scalp | (bridge & (radius < 60))
    body = solid(Tissue(candidate), voxel_size=voxel_size, opening_radius=3.0, closing_radius=4.0)
    assert not (body & scalp).any()
    assert float((body & brain).sum()) > 0.98 * float(brain.sum())
    assert float((body & ~brain).sum()) < 0.03 * float(brain.sum())


def test_what_lies_around_the_tissue_is_outside():
    ball = coordinates((24, 24, 24), (1.0, 1.0, 1.0)).square().sum(0) < 64
    ball[:6] = False  # a flat face at the end of the box
    options = {'voxel_size': (1.0, 1.0, 1.0), 'opening_radius': 0.0, 'closing_radius': 2.0}
    shrunk = solid(Tissue(ball), erosion_radius=2.0, **options)
    assert torch.equal(shrunk, erode(ball, 2.0, voxel_size=(1.0, 1.0, 1.0)))

    pit = ball.clone()
    pit[6:8, 11:14, 11:14] = False
    assert not solid(Tissue(pit), **options)[6, 12, 12]


def test_partial_voxels_are_no_surface():
    radius = coordinates((24, 24, 24), (1.0, 1.0, 1.0)).square().sum(0).sqrt()
    ball, partial = radius < 9, (radius > 8) | (radius < 3)
    body = solid(
        Tissue(ball, partial), voxel_size=(1.0, 1.0, 1.0), opening_radius=2.0, closing_radius=2.0
    )
    assert body[radius < 8].all()
    surface = ball & ~erode(ball, 1.0, voxel_size=(1.0, 1.0, 1.0))
    assert not (body & surface & partial).any()


def test_nothing_like_tissue_is_an_error():
    with pytest.raises(ValueError, match='provide a mask'):
        solid(
            Tissue(torch.zeros(4, 4, 4, dtype=torch.bool)),
            voxel_size=(1.0, 1.0, 1.0),
            opening_radius=1.0,
            closing_radius=1.0,
        )
