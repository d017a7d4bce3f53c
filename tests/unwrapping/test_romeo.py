import dataclasses
import math

import pytest
import torch

from qsmnet_bids.tensors import MultiEcho
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.unwrapping.romeo import romeo
from qsmnet_bids.unwrapping.romeo_weights import edge_weights, voxel_quality
from qsmnet_bids.unwrapping.spanning_tree import grow
from tests.simulated import simulate

ALL = torch.ones(2, 1, 1, dtype=torch.bool)


def two_voxels(phase, magnitude, times=(0.004, 0.01)):
    """Two voxels beside each other; values by echo and voxel."""
    volumes = (torch.tensor(values).view(len(times), 2, 1, 1) for values in (magnitude, phase))
    return MultiEcho(*volumes, times, 3.0, (0.0, 0.0, 1.0), (1.0, 1.0, 1.0))


def floor(*weights):
    return math.prod(0.1 + 0.9 * weight for weight in weights)


@pytest.mark.parametrize(
    ('weights', 'expected'),
    [
        ('romeo2', floor(1 - 0.4 / math.pi, 0.25)),
        ('romeo3', floor(1 - 0.4 / math.pi, 1 - abs(0.4 - 0.4 * 1.3), 0.25)),
        ('romeo4', floor(1 - 0.4 / math.pi, 1 - abs(0.4 - 0.4 * 1.3), 0.9, 0.25)),
        (
            'romeo6',
            floor(1 - 0.4 / math.pi, 1 - abs(0.4 - 0.4 * 1.3), 0.9, 0.25, 1, 0.5 + 0.5 * 0.5),
        ),
    ],
)
def test_the_weights_of_an_edge_in_closed_form(weights, expected):
    # across the jump: 3.0 to 3.4 - 2 pi; the second echo grows by 1.3 rad in 2.5 times the time
    phase = [[3.0, 3.4 - 2 * math.pi], [0.0, 1.3]]
    echoes = two_voxels(phase, [[1.0, 2.0], [1.0, 1.0]])
    found = edge_weights(echoes, mask=ALL, weights=weights)
    assert float(found[0, 0]) == pytest.approx(expected, abs=1e-6)
    assert not found[:, 1].any()


def test_linearity_is_the_product_over_both_sides():
    phase = torch.tensor([0.0, 0.5, 1.2, 1.3]).view(1, 4, 1, 1)
    echoes = MultiEcho(
        torch.ones_like(phase), phase, (0.01,), 3.0, (0.0, 0.0, 1.0), (1.0, 1.0, 1.0)
    )
    mask = torch.ones(4, 1, 1, dtype=torch.bool)
    found = edge_weights(echoes, mask=mask)[0, :, 0, 0]
    assert float(found[1]) == pytest.approx(
        floor(1 - 0.7 / math.pi, (1 - 0.2 / 2) * (1 - 0.6 / 2), 1), abs=1e-6
    )
    assert float(found[0]) == pytest.approx(floor(1 - 0.5 / math.pi, 0.9, 1), abs=1e-6)


def test_a_voxel_is_rated_by_its_six_edges():
    echoes = simulate(shape=(12, 13, 14)).echoes
    mask = torch.ones(12, 13, 14, dtype=torch.bool)
    quality = voxel_quality(echoes, mask=mask)
    edges = edge_weights(echoes, mask=mask)
    six = edges[:, 5, 6, 7].sum() + edges[0, 4, 6, 7] + edges[1, 5, 5, 7] + edges[2, 5, 6, 6]
    assert float(quality[5, 6, 7]) == pytest.approx(float(six) / 6, rel=1e-5)


def test_quality_tells_tissue_from_air():
    head = simulate()
    quality = voxel_quality(head.echoes, mask=head.brain)
    assert float(quality.max()) <= 1
    air = ~head.brain & (head.echoes.magnitude[0] < 0.1)
    assert float(quality[head.brain].median()) > 3 * float(quality[air].median())


def test_the_tree_is_the_one_that_grows_from_a_seed_by_the_heaviest_edge(generator):
    shape = (6, 7, 5)
    phase = 2 * math.pi * (torch.rand(shape, generator=generator) - 0.5)
    weights = torch.rand((3, *shape), generator=generator)
    mask = torch.ones(shape, dtype=torch.bool)
    assert torch.equal(_relative(grow(phase, weights, mask=mask)), _grow_by_hand(phase, weights))


def _relative(unwrapped):
    return ((unwrapped - unwrapped[0, 0, 0]) * 1e3).round()


def _grow_by_hand(phase, weights):
    """Prim: from one corner on, always over the heaviest edge that leaves the region."""
    shape = phase.shape
    done = {(0, 0, 0): float(phase[0, 0, 0])}
    while len(done) < phase.numel():
        best = (-1.0, None, None)
        for voxel in done:
            for axis in range(3):
                for step in (-1, 1):
                    other = tuple(v + step * (a == axis) for a, v in enumerate(voxel))
                    if other in done or not all(
                        0 <= o < n for o, n in zip(other, shape, strict=True)
                    ):
                        continue
                    weight = float(weights[(axis, *min(voxel, other))])
                    best = max(best, (weight, voxel, other))
        _, voxel, other = best
        jump = float(phase[other]) - done[voxel]
        done[other] = float(phase[other]) - 2 * math.pi * round(jump / (2 * math.pi))
    result = torch.zeros(shape)
    for voxel, value in done.items():
        result[voxel] = value
    return _relative(result)


def test_the_template_is_unwrapped_in_space_and_the_rest_follows():
    head = simulate(noise=0.005, offset=0.0)
    usual = romeo(head.echoes, mask=head.brain)
    for template in (2, 3):
        other = romeo(head.echoes, mask=head.brain, template=template)
        turns = ((other - usual) / (2 * math.pi))[:, head.brain].round()
        assert float((turns != 0).float().mean()) < 1e-3


def test_it_beats_best_path_where_the_magnitude_tells_noise_from_signal():
    head = simulate(noise=0.02, offset=0.0)
    rough = head.echoes.magnitude.clone(), head.echoes.phase.clone()
    rough[0][:, :, 22:26, 10:30] *= 0.02  # a sheet without signal through half the brain
    noise = 2 * math.pi * torch.rand(rough[1].shape, generator=torch.Generator().manual_seed(2))
    rough[1][:, :, 22:26, 10:30] = noise[:, :, 22:26, 10:30] - math.pi
    echoes = dataclasses.replace(head.echoes, magnitude=rough[0], phase=rough[1])
    rest = head.brain.clone()
    rest[:, 20:28, 8:32] = False
    clean = best_path(head.echoes, mask=head.brain)

    def wrong(method):
        turns = ((method(echoes, mask=head.brain) - clean) / (2 * math.pi)).round()
        return float((turns[:, rest] != 0).float().mean())

    assert wrong(romeo) == 0
    assert wrong(romeo) <= wrong(best_path)


@pytest.mark.parametrize('template', [0, 4])
def test_a_template_beyond_the_echoes_is_refused(template):
    head = simulate(shape=(16, 16, 16))
    with pytest.raises(ValueError, match=r'template must be in 1 to 3.*got'):
        romeo(head.echoes, mask=head.brain, template=template)


def test_more_than_one_part_is_joined_into_one_search():
    mask = torch.ones(9, 4, 4, dtype=torch.bool)
    mask[::3] = False
    weights = torch.ones(3, 9, 4, 4)
    phase = torch.zeros(9, 4, 4)
    phase[4:6] = 1.0
    assert torch.equal(grow(phase, weights, mask=mask), phase * mask)
