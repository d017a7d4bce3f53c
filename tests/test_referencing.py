import pytest
import torch

from qsmnet_bids.referencing import REGIONS, reference
from qsmnet_bids.tensors import ChiMap


@pytest.fixture
def chi(generator):
    mask = torch.rand(6, 7, 8, generator=generator) > 0.4
    values = (torch.rand(6, 7, 8, generator=generator) + 3) * mask
    return ChiMap(values, mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))


def test_the_mask_has_mean_zero_and_differences_stay(chi):
    referenced = reference(chi, region='mask')
    assert referenced.reference == 'whole mask'
    assert abs(float(referenced.chi[chi.mask].mean())) < 1e-6
    assert not referenced.chi[~chi.mask].any()
    shift = (referenced.chi - chi.chi)[chi.mask]
    assert float(shift.max() - shift.min()) < 1e-6
    assert 'mask' in REGIONS


def test_none_changes_nothing(chi):
    referenced = reference(chi, region='none')
    assert referenced.reference == 'none'
    assert torch.equal(referenced.chi, chi.chi)
