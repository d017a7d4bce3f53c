"""The coverage of an uncertainty is measured against the truth of simulated heads."""

from dataclasses import replace

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.heads import Case, Head
from benchmarks.uncertainty import REGIONS, Plan, uncertainty
from qsmnet_bids.phantom.anatomy import WHITE_LABEL
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import LocalField, MultiEcho, TotalField
from tests.benchmarks.test_main import table

VOXEL, B0_DIR = (2.0, 2.0, 2.0), (0.0, 0.0, 1.0)


def head_of(case):
    """A ball of tissue in which the susceptibility is random, so that nothing but noise counts."""
    x, y, z = torch.meshgrid(*(torch.linspace(-1, 1, 24),) * 3, indexing='ij')
    mask = x**2 + y**2 + z**2 < 0.8
    generator = torch.Generator().manual_seed(case.seed)
    chi = 0.001 * torch.randn(24, 24, 24, generator=generator) * mask
    field = forward_field(chi, voxel_size=VOXEL, b0_dir=B0_DIR) * mask
    known = {'noise': torch.zeros_like(chi), 'mask': mask, 'magnitude': torch.ones_like(chi)}
    known |= {'voxel_size': VOXEL, 'b0_dir': B0_DIR}
    return Head(
        echoes=MultiEcho(chi[None], chi[None], (0.01,), 3.0, B0_DIR, VOXEL),
        total=TotalField(field=field, **known),
        local=LocalField(field=field, **known),
        chi=chi,
        mask=mask,
        labels=WHITE_LABEL * mask.int(),
    )


def test_errors_of_noise_lie_within_the_uncertainty_of_a_linear_method():
    cases = [Case('ball', VOXEL, 0.0, seed=seed) for seed in (1, 2)]
    plan = Plan(('tikhonov',), field_noises=(0.02,), model_error=False, n_threads=1)
    rows = [row for row in uncertainty(cases, plan, simulator=head_of) if row.region == 'brain']
    assert [row.seed for row in rows] == [1, 2]
    for row in rows:
        assert row.within_1 == pytest.approx(0.683, abs=0.05)
        assert row.within_2 == pytest.approx(0.954, abs=0.03)
        assert row.rmse == pytest.approx(row.rmse_mean)
    first, second = rows
    assert first.fitted_1 == pytest.approx(0.683, abs=0.001)
    assert second.fitted_1 == pytest.approx(0.683, abs=0.05)
    assert second.fitted_1 != second.within_1


def test_an_uncertainty_that_is_too_small_has_a_factor_that_mends_it(monkeypatch):
    case = replace(Case('ball', VOXEL, 0.0), seed=3)
    plan = Plan(('tikhonov',), field_noises=(0.02,), model_error=False, n_threads=1)
    (right, *_) = uncertainty([case], plan, simulator=head_of)
    monkeypatch.setattr('benchmarks.uncertainty.uncertainty_factor', lambda _: 0.5)
    (small, *_) = uncertainty([case], plan, simulator=head_of)
    assert small.factor == pytest.approx(2 * right.factor)
    assert small.within_1 < 0.5
    assert small.fitted_1 == pytest.approx(right.fitted_1)


@pytest.mark.slow
def test_the_command_has_a_row_for_each_region_and_field(tmp_path):
    words = 'uncertainty --voxel-size 6 6 6 --threads 1 --inversion tkd --background vsharp'
    assert main(['--output', str(tmp_path), *words.split(), '--field-noise', '0.002']) == 0
    rows = table(tmp_path, 'uncertainty')
    assert [(row['field'], row['region']) for row in rows] == [
        (field, region)
        for field in ('0.002', 'romeo + vsharp')
        for region in REGIONS
        if region != 'veins'
    ]
    assert all(0 <= row['within_1'] <= row['within_2'] <= 1 for row in rows)
    assert 0.4 < rows[0]['within_1'] < 0.9
    assert rows[0]['told_apart'] > 1.2
