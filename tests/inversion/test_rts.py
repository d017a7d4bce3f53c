import dataclasses

import pytest
import torch

from qsmnet_bids.inversion.padded import pad_field
from qsmnet_bids.inversion.rts import rts, well_conditioned
from qsmnet_bids.inversion.tsvd import tsvd
from qsmnet_bids.solvers.fixed_point import repeat
from qsmnet_bids.solvers.splitting import VariationStep
from tests.inversion.spheres import CASES, CHI, contrast, sphere_in_field


@pytest.mark.parametrize('case', CASES)
def test_a_sphere_comes_back_within_a_tenth(case):
    ball, local = sphere_in_field(*case, head=20.0)
    assert contrast(rts(local), ball) == pytest.approx(CHI, rel=0.1)


def test_the_second_step_fills_the_cone_that_the_first_leaves_empty():
    ball, local = sphere_in_field(*CASES[0], head=20.0)
    errors = [float((method(local).chi - CHI * ball)[local.mask].std()) for method in (rts, tsvd)]
    assert errors[0] < 0.7 * errors[1]


def test_the_second_step_keeps_what_the_first_found():
    _, local = sphere_in_field((32, 32, 32), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), radius=5.0)
    padded = pad_field(local)
    large = padded.kernel.abs() > 0.15
    first = torch.fft.rfftn(well_conditioned(padded, large, 4))
    step = VariationStep(
        torch.fft.irfftn(first, s=list(padded.shape)),
        large.float(),
        local.voxel_size,
        alpha=1.0,
        rho=10.0,
        mu=1e5,
    )
    filled = torch.fft.rfftn(repeat(step, step.start(), max_iterations=9, tolerance=0.0).value)
    kept = (filled - first)[large].abs().norm() / first[large].abs().norm()
    assert float(kept) < 0.01
    assert float((filled - first)[~large].abs().norm()) > 0.05 * float(first.abs().norm())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'delta': 0.0}, r'delta must be in \(0, 2/3\)'),
        ({'delta': 0.7}, r'delta must be in \(0, 2/3\)'),
        ({'mu': 0.0}, 'mu and rho must be positive'),
        ({'rho': -1.0}, 'mu and rho must be positive'),
        ({'first_iterations': 0}, 'first_iterations must be at least 1'),
        ({'max_iterations': 0}, 'max_iterations must be at least 1'),
    ],
)
def test_bad_values_are_refused(options, message):
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=message):
        rts(local, **options)


def test_no_field_no_susceptibility():
    _, local = sphere_in_field((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    empty = dataclasses.replace(local, field=torch.zeros_like(local.field))
    assert not rts(empty).chi.any()
