import dataclasses

import pytest
import torch

from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import ChiMap, Convergence, TotalField
from qsmnet_bids.two_pass import combine, restrict
from tests.simulated import coordinates

VOXEL = (1.0, 1.0, 1.0)
B0_DIR = (0.0, 0.0, 1.0)
OPTIONS = {'max_radius': 4.0}


def test_the_streaks_of_a_calcification_fall_and_it_is_still_there():
    offsets = coordinates((56, 56, 56), VOXEL)
    distance = offsets.square().sum(0).sqrt()
    brain, stone = distance < 24, distance < 3.5
    nucleus = (offsets - torch.tensor([12.0, 0, 0]).view(3, 1, 1, 1)).square().sum(0) < 16
    chi = 0.1 * nucleus - 3.0 * stone
    # no phase can be told in the stone, where there is no signal
    generator = torch.Generator().manual_seed(3)
    noise = torch.where(stone, 0.5, 0.002)
    field = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR)
    field = (field + noise * torch.randn(field.shape, generator=generator)) * brain
    total = TotalField(field, noise * brain, brain, VOXEL, B0_DIR)

    one = tkd(vsharp(total, **OPTIONS))
    first = tkd(vsharp(restrict(total, reliable=~(distance < 4.5)), **OPTIONS))
    both = combine(first, one)

    assert torch.equal(both.mask, one.mask)
    tissue = first.mask & ~nucleus & (distance > 7)
    assert float(both.chi[tissue].std()) < 0.5 * float(one.chi[tissue].std())
    assert float(both.chi[stone].mean() - both.chi[tissue].mean()) < -0.5
    assert float(both.chi[nucleus].mean() - both.chi[tissue].mean()) > 0.03


@pytest.fixture
def maps(generator):
    mask = torch.ones(8, 8, 8, dtype=torch.bool)
    mask[0] = False
    truth = torch.rand(8, 8, 8, generator=generator) * mask
    reliable = mask.clone()
    reliable[4:6, 4:6, 4:6] = False
    first = ChiMap(truth * reliable, reliable, VOXEL, B0_DIR)
    return first, ChiMap((truth + 0.3) * mask, mask, VOXEL, B0_DIR), truth


def test_the_second_map_fills_the_holes_at_the_zero_of_the_first(maps):
    first, second, truth = maps
    both = combine(first, second)
    assert torch.allclose(both.chi, truth, atol=1e-6)
    assert torch.equal(both.mask, second.mask)
    assert both.reference == 'none'
    assert both.convergence is None


def test_the_worse_convergence_is_told(maps):
    first, second, _ = maps
    done, failed = Convergence(10, 1e-4, converged=True), Convergence(99, 1e-5, converged=False)
    first = dataclasses.replace(first, convergence=failed)
    second = dataclasses.replace(second, convergence=done)
    assert combine(first, second).convergence == failed


def test_masks_that_do_not_fit_are_refused(maps):
    first, second, _ = maps
    nowhere = torch.zeros_like(first.mask)
    with pytest.raises(ValueError, match='share no voxel'):
        combine(dataclasses.replace(first, mask=nowhere), second)
    with pytest.raises(ValueError, match='same grid'):
        combine(dataclasses.replace(first, voxel_size=(1.0, 1.0, 2.0)), second)
    total = TotalField(second.chi, second.chi, second.mask, VOXEL, B0_DIR)
    with pytest.raises(ValueError, match='no voxel of the mask is reliable'):
        restrict(total, reliable=nowhere)
