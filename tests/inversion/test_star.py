import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.star import star
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.inversion.tv import tv
from qsmnet_bids.physics.dipole import forward_field
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field
from tests.simulated import coordinates


@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_within_a_tenth(case):
    ball, local = sphere_in_field(*case, head=18.0)
    chi = star(local)
    assert contrast(chi, ball) == pytest.approx(CHI, rel=0.1)
    assert not chi.chi[~local.mask].any()


def test_a_weak_source_beside_a_strong_one_is_kept_and_the_strong_one_is_whole():
    _, local = sphere_in_field(*CASES[0], head=18.0)
    offsets = coordinates(*CASES[0][:2])
    strong = (offsets - torch.tensor([9.0, 0, 0]).view(3, 1, 1, 1)).norm(dim=0) < 3
    weak = (offsets + torch.tensor([6.0, 0, 0]).view(3, 1, 1, 1)).norm(dim=0) < 4
    truth = 2.0 * strong + 0.05 * weak
    generator = torch.Generator().manual_seed(6)
    noise = 0.002 * torch.randn(local.field.shape, generator=generator)
    field = forward_field(truth, voxel_size=local.voxel_size, b0_dir=local.b0_dir) + noise
    mixed = dataclasses.replace(local, field=field * local.mask)
    found, large, divided = star(mixed), tv(mixed, alpha=2e-3), tkd(mixed)
    errors = [float((v.chi - truth)[local.mask].std()) for v in (found, large, divided)]
    assert errors[0] < 0.7 * errors[1]
    assert errors[0] < 0.5 * errors[2]
    rest = local.mask & ~strong & ~weak
    assert float(found.chi[weak].mean() - found.chi[rest].mean()) == pytest.approx(0.05, rel=0.25)


def test_the_iterations_of_both_levels_count():
    _, local = sphere_in_field(*CASES[0], head=18.0)
    assert star(local, max_iterations=3).convergence.n_iterations == 6
    assert not star(local, max_iterations=3).convergence.converged


@pytest.mark.parametrize(
    'options',
    [
        {'weak_alpha': 0.0},
        {'strong_alpha': 1e-4},
        {'max_iterations': 0},
        {'tolerance': -1.0},
    ],
)
def test_hyper_parameters_out_of_range_are_refused(options):
    _, local = sphere_in_field((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match='must be'):
        star(local, **options)
