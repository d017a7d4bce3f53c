import math

import torch

from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.networks.variation import RELIANCE, Price, least_variation
from qsmnet_bids.physics.dipole import dipole_kernel
from qsmnet_bids.physics.gaussian import gaussian
from tests.simulated import simulate

SIDE = 24
SHAPE = (SIDE, SIDE, SIDE)
B0_DIR = (0.0, 0.6, 0.8)


def problem():
    head = simulate(shape=SHAPE, b0_dir=B0_DIR)
    mask = head.brain.float()[None, None]
    field = head.local * mask
    kernel = dipole_kernel(SHAPE, (1.0, 1.0, 1.0), B0_DIR)[None]
    return field / field.std(), mask, kernel, torch.ones(1, 3)


def cost(chi, field, weight, kernel, alpha):
    misfit = weight * (convolve(chi, kernel) - field).square()
    steps = sum((chi.roll(-1, axis) - chi).abs().sum() for axis in (-3, -2, -1))
    return float(misfit.sum() / 2 + alpha * steps)


def maps_of(*given, alpha, edge=math.inf, most=math.inf, smooth=0.0, **options):
    numbers = (torch.full((len(given[0]),), limit) for limit in (edge, most, smooth))
    return least_variation(*given, price=Price(alpha, *numbers), **options).maps


def spot(field):
    """A field that no susceptibility causes."""
    wrong = torch.zeros_like(field)
    wrong[..., 10:14, 10:14, 9:13] = 3.0
    return wrong


def test_what_sources_outside_cause_is_explained_by_sources_outside():
    field, mask, kernel, sides = problem()
    far = torch.zeros_like(field)
    far[..., :4, 11:13, 11:13] = 100.0
    far = far * (1 - mask)
    spoilt = field + mask * convolve(far, kernel)

    def inside(given, price):
        stages = [(60, 1.0), (120, price)]
        alpha = torch.tensor([0.02])
        return mask * maps_of(given, mask, kernel, sides, alpha=alpha, stages=stages)[:, 1:]

    change = [float((inside(spoilt, price) - inside(field, price)).norm()) for price in (1, 0.002)]
    assert change[1] < 0.4 * change[0]


def test_the_cost_falls_to_where_no_change_lowers_it():
    field, mask, kernel, sides = problem()
    alpha = torch.tensor([0.02])
    costs = [
        cost(
            maps_of(field, mask, kernel, sides, alpha=alpha, stages=[(n_steps, 1.0)]),
            field,
            mask,
            kernel,
            0.02,
        )
        for n_steps in (1, 10, 200, 400)
    ]
    assert costs[0] > costs[1] > costs[2]
    assert abs(costs[3] / costs[2] - 1) < 1e-3
    chi = maps_of(field, mask, kernel, sides, alpha=alpha, stages=[(400, 1.0)])
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        change = 0.05 * torch.randn(chi.shape, generator=generator)
        assert cost(chi + change, field, mask, kernel, 0.02) > costs[3]


def test_samples_of_a_batch_do_not_see_each_other():
    field, mask, kernel, sides = problem()
    flat = torch.tensor([[1.2, 1.2, 1 / 1.44]])
    pair = maps_of(
        torch.cat([field, -2 * field]),
        torch.cat([mask, mask]),
        torch.cat([kernel, kernel]),
        torch.cat([sides, flat]),
        alpha=torch.tensor([0.02, 0.1]),
        stages=[(3, 1.0)],
    )
    alone = maps_of(-2 * field, mask, kernel, flat, alpha=torch.tensor([0.1]), stages=[(3, 1.0)])
    torch.testing.assert_close(pair[1:], alone)


def test_a_kernel_of_a_larger_grid_means_padding():
    field, mask, _, sides = problem()
    kernel = dipole_kernel((32, 32, 32), (1.0, 1.0, 1.0), B0_DIR)[None]
    alpha = torch.tensor([0.02])
    inside = maps_of(field, mask, kernel, sides, alpha=alpha, stages=[(3, 1.0)])
    grown = [torch.nn.functional.pad(volume, (0, 8) * 3) for volume in (field, mask)]
    whole = maps_of(*grown, kernel, sides, alpha=alpha, stages=[(3, 1.0)])
    torch.testing.assert_close(whole[..., :SIDE, :SIDE, :SIDE], inside)


def test_the_first_stage_tells_what_its_sources_outside_cause():
    field, mask, kernel, sides = problem()
    price = Price(*torch.tensor([[0.02], [1.0], [math.inf], [0.0]]))
    stages = [(4, 0.1), (2, 1.0)]
    maps, outer, _ = least_variation(field, mask, kernel, sides, price=price, stages=stages)
    assert outer.shape == field.shape
    torch.testing.assert_close(outer, convolve((1 - mask) * maps[:, :1], kernel))


def test_an_edge_that_was_found_is_not_worn_down():
    field, mask, kernel, sides = problem()
    cuboid = torch.zeros_like(field)
    cuboid[..., 8:15, 9:16, 8:14] = 1.0
    field = mask * convolve(cuboid, kernel)
    field = field / field.abs()[mask > 0].mean()
    alpha, stages = torch.tensor([0.05]), [(40, 1.0)]
    inside, around = cuboid > 0, (mask > 0) & (cuboid == 0)

    def height(edge):
        chi = maps_of(field, mask, kernel, sides, alpha=alpha, stages=stages, edge=edge)
        return float(chi[inside].mean() - chi[around].mean())

    true = 1 / float(convolve(cuboid, kernel).abs()[mask > 0].mean())
    assert abs(height(4.0) / true - 1) < 0.5 * abs(height(math.inf) / true - 1)


def test_further_steps_are_those_of_a_longer_last_stage():
    field, mask, kernel, sides = problem()
    given = (field, mask, kernel, sides)
    alpha = torch.tensor([0.02])
    longer = maps_of(*given, alpha=alpha, stages=[(3, 0.1), (9, 1.0)], edge=2.0)
    more = torch.tensor([4.0])
    grown = maps_of(*given, alpha=alpha, stages=[(3, 0.1), (5, 1.0)], edge=2.0, more=more)
    assert torch.equal(grown, longer)


def test_a_field_that_no_map_explains_is_not_followed():
    field, mask, kernel, sides = problem()
    options = {'alpha': torch.tensor([0.02]), 'stages': [(3, 1.0), (60, 1.0)]}

    def inside(given, most):
        return mask * maps_of(given, mask, kernel, sides, most=most, **options)[:, 1:]

    change = [inside(field + spot(field), most) - inside(field, most) for most in (0.1, math.inf)]
    assert float(change[0].norm()) < 0.75 * float(change[1].norm())
    torch.testing.assert_close(inside(field, 100.0), inside(field, math.inf))


def test_edges_near_what_no_map_explains_are_worn_down_again(monkeypatch):
    field, mask, kernel, sides = problem()
    options = {'alpha': torch.tensor([0.005]), 'stages': [(20, 1.0), (60, 1.0)], 'most': 0.05}

    def inside(given):
        return mask * maps_of(given, mask, kernel, sides, edge=1.0, **options)[:, 1:]

    clean, spoilt = inside(field), inside(field + spot(field))
    monkeypatch.setattr('qsmnet_bids.networks.variation.FAR_OFF', (math.inf, 0.0))
    assert float((inside(field) - clean).norm()) < 0.02 * float(clean.norm())
    former = inside(field + spot(field))
    assert float((spoilt - clean).norm()) < 0.9 * float((former - clean).norm())


def test_the_first_map_does_not_rely_on_a_field_that_no_map_explains(monkeypatch):
    field, mask, kernel, sides = problem()
    price = Price(*torch.tensor([[0.005], [1.0], [0.05], [0.0]]))
    wrong = torch.zeros_like(field)
    wrong[..., 11:13, 12, 12] = 8.0

    def first(given):
        return least_variation(given, mask, kernel, sides, price=price, stages=[(22, 0.1)])

    clean, spoilt = first(field), first(field + wrong)
    assert set(spoilt.reliance.unique().tolist()) == {torch.tensor(RELIANCE).item(), 1.0}
    assert (spoilt.reliance[wrong > 0] < 1).all()
    assert (spoilt.reliance < 1).sum() < 0.05 * mask.sum()
    monkeypatch.setattr('qsmnet_bids.networks.variation.FAR_OFF', (math.inf, 0.0))
    former = mask * (first(field + wrong).maps - first(field).maps)
    assert (first(field).reliance == 1).all()
    change = mask * (spoilt.maps - clean.maps)
    assert float(change.norm()) < 0.5 * float(former.norm())


def test_a_strong_residual_pulls_at_the_map_as_a_sum_of_amounts_does():
    field, mask, kernel, sides = problem()
    field = field + spot(field)
    weight, alpha, most = 1.5 * mask, 0.02, 0.1

    def price(chi):
        misfit = (weight.sqrt() * (convolve(chi, kernel) - field)).abs()
        amounts = torch.where(misfit < most, misfit.square() / 2, most * (misfit - most / 2))
        steps = sum((chi.roll(-1, axis) - chi).abs().sum() for axis in (-3, -2, -1))
        return float(amounts.sum() + alpha * steps)

    stages = [(3, 1.0), (600, 1.0)]
    given = (field, weight, kernel, sides)
    chi = maps_of(*given, alpha=torch.tensor([alpha]), stages=stages, most=most)[:, 1:]
    plain = maps_of(*given, alpha=torch.tensor([alpha]), stages=stages)[:, 1:]
    least = price(chi)
    assert least < 0.99 * price(plain)
    generator = torch.Generator().manual_seed(0)
    for scale in (0.003, 0.03):
        change = scale * torch.randn(chi.shape, generator=generator)
        assert price(chi + change) > least


def test_smooth_errors_change_less_where_they_are_expected():
    field, mask, kernel, sides = problem()
    generator = torch.Generator().manual_seed(0)
    drawn = gaussian(
        torch.randn(SHAPE, generator=generator), deviation=3.0, voxel_size=(1.0, 1.0, 1.0)
    )
    spoilt = field + mask * drawn * (0.7 * field.std() / drawn.std())
    alpha = torch.tensor([0.02])

    def change(smooth):
        options = {'alpha': alpha, 'smooth': smooth, 'stages': [(20, 0.1), (100, 1.0)]}
        given = (mask, kernel, sides)
        return float((mask * (maps_of(spoilt, *given, **options) - truth(smooth))).norm())

    def truth(smooth):
        stages = [(20, 0.1), (100, 1.0)]
        return maps_of(field, mask, kernel, sides, alpha=alpha, smooth=smooth, stages=stages)

    assert change(20.0) < 0.7 * change(0.0)


def test_next_to_no_smooth_errors_change_next_to_nothing():
    field, mask, kernel, sides = problem()
    given = {'alpha': torch.tensor([0.02]), 'stages': [(20, 0.1), (20, 1.0)]}
    without = maps_of(field, mask, kernel, sides, **given)
    least = maps_of(field, mask, kernel, sides, smooth=1e-6, **given)
    torch.testing.assert_close(least, without, rtol=1e-3, atol=1e-3)
