import pytest
import torch

from qsmnet_bids.physics.csf import ventricles
from qsmnet_bids.referencing import reference
from qsmnet_bids.regions import REGIONS
from qsmnet_bids.settings import REFERENCES
from qsmnet_bids.tensors import ChiMap
from tests.simulated import coordinates


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
    assert tuple(REGIONS) == REFERENCES


def test_none_changes_nothing(chi):
    referenced = reference(chi, region='none')
    assert referenced.reference == 'none'
    assert torch.equal(referenced.chi, chi.chi)


def ventricular_head():
    """Two ventricles, a cistern around the brain and a far cyst, all of slow decay."""
    x, y, z = coordinates((60, 72, 30), (2.0, 2.0, 4.0))
    radius = (x**2 + y**2 + z**2).sqrt()
    brain = radius < 56
    left = ((x + 9) / 5) ** 2 + (y / 20) ** 2 + (z / 9) ** 2 < 1
    right = ((x - 9) / 5) ** 2 + (y / 20) ** 2 + (z / 9) ** 2 < 1
    cyst = (x**2 + (y + 38) ** 2 + z**2) < 5**2
    fluid = left | right | cyst | (brain & (radius > 52))
    r2star = torch.where(fluid, 2.0, 20.0) * brain
    return brain, left | right, r2star


def test_the_ventricles_are_found_and_no_other_fluid(generator):
    brain, true, r2star = ventricular_head()
    noisy = r2star + torch.rand(r2star.shape, generator=generator)
    found = ventricles(noisy, brain, (2.0, 2.0, 4.0))
    assert torch.equal(found, true)


def test_csf_has_mean_zero(generator):
    brain, true, r2star = ventricular_head()
    chi = ChiMap(
        torch.rand(r2star.shape, generator=generator) * brain,
        brain,
        (2.0, 2.0, 4.0),
        (0.0, 0.0, 1.0),
    )
    referenced = reference(chi, region='csf', r2star=r2star)
    assert referenced.reference == 'ventricular cerebrospinal fluid'
    assert abs(float(referenced.chi[true].mean())) < 1e-6
    assert not referenced.chi[~brain].any()
    with pytest.raises(ValueError, match=r'only 0 ml look like fluid.*choose another'):
        reference(chi, region='csf', r2star=torch.full_like(r2star, 20.0))
    with pytest.raises(ValueError, match='at least 2 echoes'):
        reference(chi, region='csf')


def test_labels_of_a_segmentation(chi):
    segmentation = torch.arange(6).view(6, 1, 1).expand(6, 7, 8).clone()
    options = {'region': 'segmentation', 'segmentation': segmentation}
    referenced = reference(chi, labels=(2, 4), **options)
    where = chi.mask & ((segmentation == 2) | (segmentation == 4))
    assert referenced.reference == 'region of the segmentation with the value 2 or 4'
    assert abs(float(referenced.chi[where].mean())) < 1e-6
    with pytest.raises(ValueError, match='no voxel in the mask'):
        reference(chi, labels=(9,), **options)
    with pytest.raises(ValueError, match='needs segmentation and labels'):
        reference(chi, region='segmentation')
    with pytest.raises(ValueError, match='shape of the map'):
        reference(chi, region='segmentation', segmentation=segmentation[:3], labels=(1,))
