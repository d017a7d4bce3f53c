import math

import pytest
import torch

from benchmarks.averaged import simulate_averaged
from benchmarks.heads import Case
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.units import hz_per_ppm

CASE = Case('averaged', (5.0, 5.0, 5.0), 0.0)


@pytest.fixture(scope='module')
def head():
    return simulate_averaged(CASE)


def test_an_averaged_head_has_the_mean_of_what_is_finer(head):
    fine = brain_phantom(voxel_size=(2.5, 2.5, 2.5), seed=CASE.seed)
    x, y, z = (2 * n for n in head.chi.shape)
    chi, mask = fine.chi[:x, :y, :z], fine.mask[:x, :y, :z]
    torch.testing.assert_close(head.chi[4, 5, 6], chi[8:10, 10:12, 12:14].mean())
    assert not head.mask[mask[::2, ::2, ::2] == 0].any()
    assert head.labels[head.mask].min() > 0
    assert head.echoes.voxel_size == head.local.voxel_size == CASE.voxel_size


def test_no_map_explains_all_of_its_field_but_most(head):
    own = forward_field(head.chi * head.mask, voxel_size=CASE.voxel_size, b0_dir=head.local.b0_dir)
    inside = head.mask
    left = (head.local.field - own)[inside].std() / head.local.field[inside].std()
    assert 0.05 < left < 0.5


def test_its_echoes_tell_its_field(head):
    first, last = head.echoes.echo_times[0], head.echoes.echo_times[-1]
    turns = 2 * math.pi * hz_per_ppm(CASE.b0) * (last - first)
    found = head.echoes.phase[-1] - head.echoes.phase[0] - turns * head.total.field
    wrong = torch.atan2(found.sin(), found.cos())[head.mask] / turns
    # noise has 0.001 ppm here, and at each echo the parts of a voxel count differently
    assert wrong.abs().median() < 0.2 * head.local.field[head.mask].std()


def test_the_same_case_gives_the_same_head(head):
    assert torch.equal(simulate_averaged(CASE).echoes.phase, head.echoes.phase)
