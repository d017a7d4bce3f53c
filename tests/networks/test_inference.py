import dataclasses
import math

import pytest
import torch

from qsmnet_bids.networks.inference import apply_on_own_grid, estimate, local_margins
from qsmnet_bids.networks.informed import Informed
from qsmnet_bids.networks.refined import Refined
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField, TotalField
from tests.simulated import coordinates, simulate

CASES = [
    ((41, 38, 43), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
    ((41, 38, 43), (1.0, 1.0, 1.0), (0.0, 0.5, math.sqrt(0.75))),
    ((50, 46, 19), (0.8, 0.8, 2.0), (0.36, 0.48, 0.8)),
]


def sphere(shape, voxel_size, b0_dir):
    """A ball of 0.3 ppm, off the centre, in a larger ball that is the mask."""
    offsets = coordinates(shape, voxel_size)
    distance = offsets.square().sum(0).sqrt()
    ball = (offsets - torch.tensor([3.0, 2.0, 0.0]).view(3, 1, 1, 1)).square().sum(0).sqrt() < 6
    mask = distance < 17
    field = forward_field(0.3 * ball, voxel_size=voxel_size, b0_dir=b0_dir) * mask
    return ball, LocalField(field, 0.0001 * mask, mask, voxel_size, b0_dir)


def trained(kind, **options):
    torch.manual_seed(0)
    network = kind(features=2, depth=2, **options)
    torch.nn.init.normal_(network.unet.head.weight, std=0.03)
    return network.eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('kind', [Informed, Refined])
def test_the_kernel_is_that_of_the_voxels_and_of_b0(kind, case):
    """Untrained networks are their closed forms: a sphere comes back on any grid."""
    ball, local = sphere(*case)
    chi = estimate(kind(features=2, depth=2).eval(), local)
    assert chi.shape == local.field.shape
    assert not chi[~local.mask].any()
    contrast = float(chi[ball].mean() - chi[local.mask & ~ball].mean())
    assert contrast == pytest.approx(0.3, rel=0.2)
    wrong = dataclasses.replace(local, b0_dir=(1.0, 0.0, 0.0))
    chi = estimate(kind(features=2, depth=2).eval(), wrong)
    assert float(chi[ball].mean() - chi[local.mask & ~ball].mean()) < 0.7 * contrast


@pytest.mark.parametrize('kind', [Informed, Refined])
def test_the_map_is_proportional_and_keeps_what_was_given(kind):
    _, local = sphere(*CASES[1])
    before = local.field.clone()
    network = trained(kind)
    once = estimate(network, local)
    strong = dataclasses.replace(local, field=4 * local.field, noise=4 * local.noise)
    torch.testing.assert_close(estimate(network, strong), 4 * once, rtol=1e-5, atol=1e-6)
    assert torch.equal(local.field, before)
    assert once.dtype == local.field.dtype


@pytest.mark.parametrize('kind', [Informed, Refined])
def test_what_lies_around_the_mask_does_not_matter(kind):
    _, local = sphere(*CASES[0])
    network = trained(kind)
    grown = {
        name: torch.nn.functional.pad(getattr(local, name), (3, 5, 7, 0, 2, 1))
        for name in ('field', 'noise', 'mask')
    }
    grown['field'] = torch.where(grown['mask'], grown['field'], 7.0)
    shifted = estimate(network, dataclasses.replace(local, **grown))
    torch.testing.assert_close(shifted[2:-1, 7:, 3:-5], estimate(network, local))


@pytest.mark.parametrize(
    ('cut', 'margins'),
    [
        ((0, 0), (20.0, 20.0, 20.0)),
        ((12, 0), (20.0, 20.0, 40.0)),
        ((0, 12), (20.0, 20.0, 40.0)),
    ],
    ids=['whole', 'cut below', 'cut above'],
)
def test_a_mask_that_is_cut_off_has_more_room_there(cut, margins):
    _, local = sphere(*CASES[0])
    inside = local.mask[5:-5, 5:-5, 5 + cut[0] : 38 - cut[1]]
    assert local_margins(inside) == margins


def test_sources_at_the_faces_of_a_volume_do_not_come_around():
    """In a slab each face would see the sources at the other one."""
    side = 24
    x, y, z = coordinates((side, side, side), (1.0, 1.0, 1.0))
    chi = 0.3 * (x**2 + y**2 + (z - side / 2 + 4).square() < 36)
    mask = torch.ones(side, side, side, dtype=torch.bool)
    field = forward_field(chi, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.0, 0.0, 1.0), margin_mm=96)
    local = LocalField(field, torch.zeros(()).expand_as(field), mask, (1.0,) * 3, (0.0, 0.0, 1.0))
    found = estimate(Refined(features=2, depth=2).eval(), local)
    error = (found - found.mean()) - (chi - chi.mean())
    assert float(error.norm() / (chi - chi.mean()).norm()) < 0.012


def test_tiles_agree_with_the_whole_where_they_overlap():
    _, local = sphere(*CASES[0])
    network = trained(Informed)
    whole = apply_on_own_grid(network, local)
    tiled = apply_on_own_grid(network, local, tile_size=32)
    difference = (whole - tiled).abs()
    # the U-Net reaches 24 voxels; what comes from beyond a tile's half overlap is weighted down
    assert float(difference.max()) < 0.1 * float(whole.abs().max())
    assert float(difference.norm()) < 0.02 * float(whole.norm())


def test_an_empty_field_gives_an_empty_map():
    _, local = sphere(*CASES[0])
    empty = dataclasses.replace(local, field=torch.zeros_like(local.field))
    for kind in (Informed, Refined):
        assert not estimate(trained(kind), empty).any()


def test_the_magnitude_is_taken_relative_to_its_median():
    _, local = sphere(*CASES[0])
    network = trained(Informed, with_magnitude=True)
    with pytest.raises(ValueError, match='magnitude'):
        estimate(network, local)
    magnitude = 1 + coordinates(*CASES[0][:2])[0].abs()
    maps = [
        estimate(network, dataclasses.replace(local, magnitude=unit * magnitude))
        for unit in (1.0, 512.0)
    ]
    torch.testing.assert_close(*maps)


@pytest.mark.parametrize('task', ['background', 'onestep'])
def test_total_fields_are_taken_apart(task):
    head = simulate(shape=(40, 40, 40), b0_dir=(0.0, 0.6, 0.8))
    echoes = head.echoes
    total = TotalField(
        head.total, 0.001 * head.brain, head.brain, echoes.voxel_size, echoes.b0_dir
    )
    found = estimate(Informed(task=task, features=2, depth=2).eval(), total)[head.brain]
    truth = (head.local if task == 'background' else head.chi)[head.brain]
    correlation = torch.corrcoef(torch.stack([found, truth]))[0, 1]
    assert float(correlation) > 0.85
