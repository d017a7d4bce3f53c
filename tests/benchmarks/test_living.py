import pytest
import torch

from benchmarks.heads import Case, simulate_head
from benchmarks.living import simulate_living, unexplained
from qsmnet_bids import metrics


@pytest.mark.slow
def test_a_living_head_is_as_wrong_as_those_of_the_challenge():
    case = Case('axial', (3.0, 3.0, 3.0), 0.0)
    ideal, living = simulate_head(case), simulate_living(case)
    assert 0.4 < unexplained(living) < 0.6
    # the truth is what COSMOS shows: much like the susceptibility, but not the same
    nrmse = metrics.nrmse(living.chi.numpy(), ideal.chi.numpy(), ideal.mask.numpy())
    assert 10 < nrmse < 45
    # fields and echoes differ by the same
    wrong = living.local.field - ideal.local.field
    torch.testing.assert_close(living.total.field - ideal.total.field, wrong, atol=1e-5, rtol=0)
    turned = living.echoes.phase[-1] - ideal.echoes.phase[-1]
    radians = 2 * torch.pi * 42.576 * case.b0 * case.echo_times[-1] * wrong
    torch.testing.assert_close(turned.cos(), radians.cos(), atol=1e-3, rtol=0)
    assert torch.equal(simulate_living(case).chi, living.chi)
