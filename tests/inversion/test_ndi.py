import dataclasses
import itertools

import pytest
import torch

from qsmnet_bids.inversion.ndi import ndi
from qsmnet_bids.inversion.padded import pad_field
from qsmnet_bids.physics.dipole import convolve
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('case', CASES)
def test_more_steps_bring_a_sphere_nearer_from_below(case):
    ball, local = sphere_in_field(*case, head=20.0)
    few, more = (contrast(ndi(local, max_iterations=n, tolerance=0.0), ball) for n in (3, 30))
    assert 0.2 * CHI < few < more < CHI
    assert more > 0.6 * CHI


def test_each_step_lowers_the_objective():
    _, local = sphere_in_field((24, 24, 24), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), radius=4.0)
    padded = pad_field(local)
    scale, alpha = 16.0, 0.01
    weight = padded.inside.float()

    def objective(chi):
        residual = scale * (convolve(chi, padded.kernel) - padded.field)
        data = float((weight * (1 - residual.cos())).sum()) / scale**2
        return data + alpha / 2 * float(chi.square().sum())

    # the map is cut to the mask, so the descent is done again by its equation
    chi = torch.zeros(padded.shape)
    values = [objective(chi)]
    for _ in range(30):
        residual = scale * (convolve(chi, padded.kernel) - padded.field)
        slope = convolve(weight * residual.sin() / scale, padded.kernel) + alpha * chi
        chi = chi - 4.0 * slope
        values.append(objective(chi))
    assert all(after < before for before, after in itertools.pairwise(values))
    found = ndi(
        local, step=4.0, alpha=alpha, phase_scale=scale, max_iterations=30, tolerance=0.0
    ).chi
    torch.testing.assert_close(found, chi[:24, :24, :24], atol=1e-5, rtol=1e-4)


def test_a_small_scale_is_the_linear_problem():
    _, local = sphere_in_field(*CASES[2])
    scaled = dataclasses.replace(local, field=10 * local.field)
    linear = ndi(local, phase_scale=1e-2, max_iterations=20).chi
    assert torch.allclose(
        ndi(scaled, phase_scale=1e-2, max_iterations=20).chi, 10 * linear, atol=1e-4
    )
    strong = ndi(local, phase_scale=20.0, max_iterations=20).chi
    assert float((strong - linear).abs().max()) > 1e-3


def test_a_wrap_in_one_voxel_is_not_seen_on_the_scale_of_the_phase():
    _, local = sphere_in_field(*CASES[0])
    scale = 16.0
    wrapped = local.field.clone()
    wrapped[12, 12, 12] += 2 * torch.pi / scale
    found = ndi(
        dataclasses.replace(local, field=wrapped), phase_scale=scale, max_iterations=20
    ).chi
    plain = ndi(local, phase_scale=scale, max_iterations=20).chi
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'step': 0.0}, r'step must be in \(0, 4.5\)'),
        ({'step': 4.6}, r'step must be in \(0, 4.5\)'),
        ({'alpha': -1.0}, 'alpha must be at least 0'),
        ({'phase_scale': 0.0}, 'phase_scale must be positive'),
        ({'max_iterations': 0}, 'max_iterations must be at least 1'),
    ],
)
def test_bad_values_are_refused(options, message):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=message):
        ndi(local, **options)
