"""Mirrored, noisy and simulated copies of a field tell how far a map is to be trusted."""

import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField
from qsmnet_bids.uncertainty import combine_passes, ensemble

VOXEL, B0_DIR = (1.0, 1.5, 2.0), (0.48, 0.6, 0.64)


def random_field(generator, noise=0.01):
    chi = torch.randn(12, 10, 8, generator=generator)
    field = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR)
    mask = torch.rand(12, 10, 8, generator=generator) < 0.8
    return LocalField(field * mask, noise * mask, mask, VOXEL, B0_DIR), chi


def invert(local):
    return tikhonov(local, alpha=0.05).chi


def centred(chi, mask):
    return torch.where(mask, chi - chi[mask].mean(), 0)


def averaged(variance, mask):
    """Over the voxels of the mask in a cube of 3, voxel by voxel."""
    result = torch.zeros_like(variance)
    for place in mask.nonzero().tolist():
        cube = tuple(slice(max(0, i - 1), i + 2) for i in place)
        result[tuple(place)] = variance[cube][mask[cube]].mean()
    return result


def test_a_method_that_respects_the_symmetries_is_sure_of_itself(generator):
    local, _ = random_field(generator)
    silent = dataclasses.replace(local, noise=0 * local.noise)
    result = ensemble(silent, method=invert, model_error=False)
    expected = centred(invert(local), local.mask)
    torch.testing.assert_close(result.mean, expected, atol=1e-4, rtol=1e-3)
    assert float(result.deviation.max()) < 1e-3 * float(result.mean.abs().max())


def test_a_method_that_has_a_side_is_not_sure_of_it(generator):
    local, _ = random_field(generator, noise=0.0)
    slope = torch.linspace(-1, 1, 12)[:, None, None].expand(12, 10, 8)
    result = ensemble(
        local, method=lambda given: given.field + slope, n_members=16, model_error=False
    )
    # half of the eight mirrored pairs have the slope the other way
    spread = averaged((slope * local.mask).square(), local.mask).sqrt()
    inside = local.mask
    assert float(torch.corrcoef(torch.stack([result.deviation[inside], spread[inside]]))[0, 1]) > (
        0.99
    )
    assert float(result.deviation[inside].mean()) == pytest.approx(
        float(spread[inside].mean()), rel=0.05
    )


def test_noise_becomes_deviation_in_proportion(generator):
    local, _ = random_field(generator, noise=0.02)
    found = [
        ensemble(
            dataclasses.replace(local, noise=scale * local.noise), method=invert, model_error=False
        )
        for scale in (1.0, 0.5, 0.0)
    ]
    half = 0.5 * found[0].deviation
    torch.testing.assert_close(found[1].deviation, half, atol=1e-4, rtol=1e-2)
    assert float(found[2].deviation.max()) < 1e-2 * float(half.max())
    # pairs of opposite noise leave a linear method's mean alone
    expected = centred(invert(local), local.mask)
    torch.testing.assert_close(found[0].mean, expected, atol=1e-4, rtol=1e-3)


@pytest.fixture(scope='module')
def linear():
    """A field of nothing but noise, uneven, and the matrix of a linear method on its mask."""
    generator = torch.Generator().manual_seed(5)
    mask = torch.rand(9, 8, 7, generator=generator) < 0.8
    noise = mask * (0.01 + 0.02 * torch.rand(9, 8, 7, generator=generator))
    local = LocalField(torch.zeros(9, 8, 7), noise, mask, VOXEL, B0_DIR)
    columns = []
    for place in mask.nonzero().tolist():
        unit = torch.zeros(9, 8, 7)
        unit[tuple(place)] = 1.0
        chi = invert(dataclasses.replace(local, field=unit))
        columns.append(centred(chi, mask)[mask])
    return local, torch.stack(columns, dim=1)


def test_the_deviation_of_a_linear_method_is_that_of_propagated_noise(linear):
    local, matrix = linear
    variance = torch.zeros(9, 8, 7)
    variance[local.mask] = matrix.square() @ local.noise[local.mask].square()
    exact = averaged(variance, local.mask).sqrt()[local.mask]
    found = ensemble(local, method=invert, n_members=48, model_error=False)
    relative = found.deviation[local.mask] / exact
    assert float(relative.mean()) == pytest.approx(1, abs=0.03)
    assert float(relative.std()) < 0.08


def test_errors_that_noise_makes_lie_within_the_deviation_as_often_as_they_should(linear):
    local, matrix = linear
    found = ensemble(local, method=invert, n_members=8, model_error=False)
    drawn = torch.randn(200, matrix.shape[1], generator=torch.Generator().manual_seed(8))
    errors = (drawn * local.noise[local.mask]) @ matrix.T
    size = errors.abs() / found.deviation[local.mask]
    assert float((size < 1).float().mean()) == pytest.approx(0.683, abs=0.04)
    assert float((size < 2).float().mean()) == pytest.approx(0.954, abs=0.02)


def test_a_field_that_is_noisier_than_it_says_is_found_out(linear):
    local, matrix = linear
    drawn = torch.randn(local.field.shape, generator=torch.Generator().manual_seed(8))
    told = dataclasses.replace(local, field=drawn * local.noise, noise=local.noise / 5)
    errors = (matrix @ told.field[local.mask]).abs()

    def within(**options):
        deviation = ensemble(told, method=invert, **options).deviation[local.mask]
        return float((errors < deviation).float().mean())

    assert within(model_error=False) < 0.25
    assert within() > 0.5
    # where it says the truth, nothing is added to it but the bias
    honest = dataclasses.replace(told, noise=local.noise)
    plain, whole = (
        ensemble(honest, method=invert, model_error=counts).deviation[local.mask].median()
        for counts in (False, True)
    )
    assert float(plain) < float(whole) < 1.5 * float(plain)


def test_what_the_method_loses_of_its_own_map_counts(generator):
    local, _ = random_field(generator, noise=0.0)

    def damped(given):
        return 0.5 * invert(given)

    mean = centred(damped(local), local.mask)
    level = damped(local)[local.mask].mean()
    field = forward_field(
        (mean + level) * local.mask, voxel_size=VOXEL, b0_dir=B0_DIR, margin_mm=40.0
    )
    again = damped(dataclasses.replace(local, field=field * local.mask))
    lost = (centred(again, local.mask) - mean).square()
    found = ensemble(local, method=damped)
    expected = averaged(lost, local.mask).sqrt()
    torch.testing.assert_close(found.deviation, expected, atol=1e-4, rtol=1e-2)
    assert float(expected[local.mask].mean()) > 0.3 * float(mean[local.mask].std())


def varied(generator):
    """Tissue that varies by 0.1 ppm, the field of nothing, and the mask without its border."""
    shape = (26, 24, 22)
    mask, core = torch.zeros(2, *shape, dtype=torch.bool)
    mask[2:-2, 2:-2, 2:-2] = True
    core[4:-4, 4:-4, 4:-4] = True
    chi = centred(0.1 * torch.randn(shape, generator=generator), mask)
    nothing = torch.zeros(shape)
    return LocalField(nothing, nothing, mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)), chi, core


def deviation_of(local, chi, **options):
    """Of a method that gives the same whatever the field, so that nothing else is uncertain."""
    cut = chi[bounding_box(local.mask)]
    return ensemble(local, method=lambda _: cut, n_members=2, **options).deviation


def test_a_map_that_is_flat_at_the_border_is_not_sure_of_it(generator):
    local, chi, core = varied(generator)
    deviation = deviation_of(local, chi * core)
    border = local.mask & ~core
    assert float(deviation[border].square().mean().sqrt()) == pytest.approx(0.1, rel=0.2)
    deep = torch.zeros_like(core)
    deep[6:-6, 6:-6, 6:-6] = True
    assert float(deviation[deep].max()) < 1e-6
    assert float(deviation_of(local, chi * core, model_error=False).max()) < 1e-6


def test_a_map_that_varies_at_the_border_as_it_does_beside_it_has_lost_nothing_there(generator):
    local, chi, core = varied(generator)
    variances = [deviation_of(local, each).square().mean() for each in (chi, chi * core)]
    assert float(variances[0]) < 0.1 * float(variances[1])


def test_a_mask_that_is_all_border_adds_nothing(generator):
    local, chi, _ = varied(generator)
    thin = torch.zeros_like(local.mask)
    thin[4:8] = local.mask[4:8]
    given = dataclasses.replace(local, mask=thin)
    assert float(deviation_of(given, chi).max()) < 1e-6


def test_the_factor_scales_and_the_seed_decides(generator):
    local, _ = random_field(generator)
    once, again = (ensemble(local, method=invert, n_members=4) for _ in range(2))
    twice = ensemble(local, method=invert, n_members=4, factor=2.0)
    other = ensemble(local, method=invert, n_members=4, seed=1)
    assert torch.equal(once.deviation, again.deviation)
    torch.testing.assert_close(twice.deviation, 2 * once.deviation)
    assert not torch.allclose(other.deviation, once.deviation, rtol=1e-2)
    assert not once.deviation[~local.mask].any()
    assert not once.mean[~local.mask].any()


def test_what_lies_outside_the_box_of_the_mask_does_not_matter(generator):
    local, _ = random_field(generator)
    wider = {
        name: torch.nn.functional.pad(getattr(local, name), (2, 5, 0, 3, 4, 0))
        for name in ('field', 'noise', 'mask')
    }
    there = ensemble(dataclasses.replace(local, **wider), method=invert).deviation
    here = ensemble(local, method=invert).deviation
    assert torch.equal(there[4:, :10, 2:10], here)
    assert there.sum() == here.sum()


def test_two_passes_keep_the_first_where_it_is_known():
    first, second = torch.ones(2, 2, 2), torch.full((2, 2, 2), 3.0)
    mask = torch.zeros(2, 2, 2, dtype=torch.bool)
    mask[0] = True
    assert combine_passes(first, second, first_mask=mask)[:, 0, 0].tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    'options', [{'n_members': 0}, {'n_members': 5}, {'n_members': 98}, {'factor': 0.0}]
)
def test_bad_values_are_refused(options, generator):
    with pytest.raises(ValueError, match='must be'):
        ensemble(random_field(generator)[0], method=invert, **options)
