import dataclasses
import math
from functools import partial

import pytest
import torch

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.fieldmap import METHODS as FIELDMAPS
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.masking import METHODS as MASKINGS
from qsmnet_bids.pipeline import reconstruct as reconstruct_by_default
from qsmnet_bids.referencing import reference
from qsmnet_bids.two_pass import combine, find_reliable, restrict
from qsmnet_bids.uncertainty import ensemble
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS
from tests.simulated import simulate

reconstruct = partial(reconstruct_by_default, background='vsharp', inversion='tikhonov')
"""Closed form, and quick, whatever the defaults may be."""
OBLIQUE = (0.0, 0.5, math.sqrt(0.75))


@pytest.mark.parametrize(
    ('shape', 'voxel_size', 'b0_dir', 'echo_times'),
    [
        ((56, 56, 56), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.005, 0.012, 0.02)),
        ((56, 56, 56), (1.0, 1.0, 1.0), OBLIQUE, (0.005, 0.015)),
        ((70, 70, 28), (0.8, 0.8, 2.0), OBLIQUE, (0.005, 0.012, 0.02)),
        ((56, 56, 56), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.012,)),
    ],
    ids=[
        'three echoes',
        'two echoes, oblique',
        'thick slices, oblique',
        'single echo, B0 along x',
    ],
)
@pytest.mark.parametrize('inversion', ['tikhonov', 'tkd'])
def test_a_paramagnetic_ball_comes_out_positive(shape, voxel_size, b0_dir, echo_times, inversion):
    head = simulate(shape=shape, voxel_size=voxel_size, b0_dir=b0_dir, echo_times=echo_times)

    result = reconstruct(
        head.echoes, inversion=inversion, parameters={inversion: {'correction': True}}
    )

    inside = result.chi.mask
    contrast = float(
        result.chi.chi[inside & (head.chi > 0.3)].mean()
        - result.chi.chi[inside & (head.chi < -0.1)].mean()
    )
    # near the border of so small a head V-SHARP takes a part of the local field, too
    assert contrast == pytest.approx(0.6, rel=0.3)
    assert float(result.chi.chi[inside & (head.chi > 0.3)].mean()) > 0.2
    assert float(result.chi.chi[inside & (head.chi < -0.1)].mean()) < -0.1
    assert abs(float(result.chi.chi[inside].mean())) < 1e-6
    assert (result.relaxation is None) == (len(echo_times) == 1)
    if result.relaxation is not None:
        rate = result.relaxation.r2star[head.brain & inside].median()
        assert float(rate) == pytest.approx(head.r2star, rel=0.05)


@pytest.mark.parametrize(
    ('shape', 'voxel_size', 'b0_dir'),
    [
        ((56, 56, 56), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
        ((70, 70, 28), (0.8, 0.8, 2.0), OBLIQUE),
    ],
    ids=['cubes', 'thick slices, oblique'],
)
def test_with_lbv_and_tv_it_keeps_its_strength(shape, voxel_size, b0_dir):
    head = simulate(
        shape=shape, voxel_size=voxel_size, b0_dir=b0_dir, echo_times=(0.005, 0.012, 0.02)
    )
    chi = reconstruct(head.echoes, unwrapping='romeo', background='lbv', inversion='tv').chi
    strong, weak = (
        chi.chi[chi.mask & sources].mean() for sources in (head.chi > 0.3, head.chi < -0.1)
    )
    assert float(strong - weak) == pytest.approx(0.6, rel=0.1)


def test_it_is_the_stages_in_order_bit_for_bit():
    head = simulate()
    whole = reconstruct(
        head.echoes,
        unwrapping='laplacian',
        inversion='tkd',
        parameters={'tkd': {'threshold': 0.15}, 'laplacian': {'exact': True}},
    )

    mask = MASKINGS['combined'](head.echoes)
    total = FIELDMAPS['weighted_mean'](
        head.echoes,
        mask=mask,
        unwrapping='laplacian',
        unwrapping_parameters={'exact': True},
    )
    local = BACKGROUNDS['vsharp'](total)
    chi = reference(INVERSIONS['tkd'](local, threshold=0.15), region='mask')

    assert torch.equal(whole.mask, mask)
    assert torch.equal(whole.total.field, total.field)
    assert torch.equal(whole.total.noise, total.noise)
    assert torch.equal(whole.local.field, local.field)
    assert torch.equal(whole.chi.chi, chi.chi)


def test_a_given_mask_is_used_as_it_is():
    head = simulate()
    result = reconstruct(head.echoes, mask=head.brain, reference='none')
    assert torch.equal(result.mask, head.brain)
    assert result.chi.reference == 'none'


CHOICES = {
    'masking': MASKINGS,
    'unwrapping': UNWRAPPINGS,
    'fieldmap': FIELDMAPS,
    'background': BACKGROUNDS,
    'inversion': INVERSIONS,
}
BASE = {'vsharp': {'max_radius': 5.0}}
"""Spheres that suit a head of 35 mm."""
QUICK = {
    'deepqsm': {'tile_size': 32},
    'fansi': {'max_iterations': 10},
    'harmonics_vsharp': {'max_radius': 5.0},
    'ilsqr': {'start_iterations': 5, 'max_iterations': 5},
    'ismv': {'radius': 3.0},
    'lbv': {'max_iterations': 10},
    'medi': {'max_iterations': 2},
    'ndi': {'max_iterations': 10},
    'pdf': {'max_iterations': 10, 'margin': 10.0},
    'resharp': {'radius': 3.0, 'max_iterations': 10},
    'sharp': {'radius': 3.0},
    'star': {'max_iterations': 5},
    'tv': {'max_iterations': 10},
}


@pytest.fixture(scope='module')
def head():
    return simulate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('stage', 'method'), [(stage, name) for stage, names in CHOICES.items() for name in names]
)
def test_every_method_takes_its_place_in_the_chain(head, stage, method):
    given = {method: QUICK[method]} if method in QUICK else {}
    parameters = given if stage == 'background' and method != 'vsharp' else BASE | given
    result = reconstruct(head.echoes, mask=None, parameters=parameters, **{stage: method})
    assert bool(result.chi.mask.any())
    assert bool(result.chi.chi.isfinite().all())
    assert not result.chi.chi[~result.chi.mask].any()
    inside = result.chi.mask
    chi = result.chi.chi
    assert float(chi[inside & (head.chi > 0.3)].mean()) > float(
        chi[inside & (head.chi < -0.1)].mean()
    )


def test_two_passes_are_those_of_the_functions(head):
    parameters = {**BASE, 'two_pass': {'quality': 0.8}}
    whole = reconstruct(
        head.echoes, inversion='tkd', reference='none', two_pass=True, parameters=parameters
    )
    reliable = find_reliable(head.echoes, quality=0.8)
    first = INVERSIONS['tkd'](
        BACKGROUNDS['vsharp'](restrict(whole.total, reliable=reliable), **BASE['vsharp'])
    )
    both = combine(first, INVERSIONS['tkd'](whole.local))
    assert torch.equal(whole.chi.chi, both.chi)
    with pytest.raises(ValueError, match="got 'two_pass'"):
        reconstruct(head.echoes, parameters=parameters)


@pytest.mark.parametrize('two_pass', [False, True])
def test_uncertainty_is_that_of_the_function_and_leaves_the_map_alone(head, two_pass):
    parameters = {**BASE, **({'two_pass': {'quality': 0.8}} if two_pass else {})}
    options = {'inversion': 'tkd', 'two_pass': two_pass}
    asked = {**parameters, 'uncertainty': {'n_members': 2}}
    with_it = reconstruct(head.echoes, uncertainty=True, parameters=asked, **options)
    without = reconstruct(head.echoes, parameters=parameters, **options)
    assert without.uncertainty is None
    assert torch.equal(with_it.chi.chi, without.chi.chi)

    def deviation(local):
        alone = dataclasses.replace(local, removed=None)
        return ensemble(alone, method=lambda copy: tkd(copy).chi, n_members=2).deviation

    expected = deviation(with_it.local)
    if two_pass:
        reliable = find_reliable(head.echoes, quality=0.8)
        seen = BACKGROUNDS['vsharp'](restrict(with_it.total, reliable=reliable), **BASE['vsharp'])
        expected = torch.where(seen.mask, deviation(seen), expected)
    assert torch.equal(with_it.uncertainty, expected)
    assert float(expected[with_it.chi.mask].min()) > 0
    with pytest.raises(ValueError, match="got 'uncertainty'"):
        reconstruct(head.echoes, parameters=asked, **options)


def test_uncertainty_of_a_network_has_the_factor_of_its_card(head, monkeypatch):
    def invert(factor):
        monkeypatch.setattr('qsmnet_bids.pipeline.uncertainty_factor', lambda _: factor)
        options = {'n_members': 2, 'model_error': False}
        given = {**BASE, 'uncertainty': options}
        return reconstruct(head.echoes, uncertainty=True, parameters=given).uncertainty

    torch.testing.assert_close(invert(1.5), 1.5 * invert(1.0))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'masking': 'magic'}, r"masking must be one of .*'combined'.*, got 'magic'"),
        ({'inversion': 'magic'}, r"inversion must be one of .*'tkd'"),
        ({'parameters': {'tkd': {'threshold': 0.1}}}, r"methods in use, .*'tikhonov'.* got 'tkd'"),
        ({'parameters': {'vsharp': {'radius': 3.0}}}, r"no parameter 'radius'.*'max_radius'"),
    ],
)
def test_unknown_names_are_answered_with_the_valid_ones(options, message):
    head = simulate(shape=(16, 16, 16))
    with pytest.raises(ValueError, match=message):
        reconstruct(head.echoes, **options)
