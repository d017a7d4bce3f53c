import pytest
import torch

from qsmnet_bids.physics.dipole import forward_field
from training.numerical_brain import B0_DIR, compare, numerical_brain

COARSE = 5.0


@pytest.fixture(scope='module')
def brain():
    return numerical_brain(voxel_mm=COARSE)


def test_regions_have_one_susceptibility_each(brain):
    values = brain.chi[brain.mask].unique()
    assert 6 <= len(values) <= 13
    assert abs(float(brain.chi[brain.mask].mean())) < 1e-6
    assert not brain.chi[~brain.mask].any()


def test_the_local_field_is_that_of_the_map_and_the_background_is_stronger(brain):
    size = brain.voxel_size
    field = forward_field(brain.chi, voxel_size=size, b0_dir=B0_DIR, margin_mm=2000)
    torch.testing.assert_close(brain.local, field * brain.mask, rtol=1e-2, atol=1e-5)
    inside = brain.mask
    assert float(brain.outside[inside].std()) > 5 * float(brain.local[inside].std())
    assert float(brain.offset[inside].std()) > float(brain.local[inside].std())


def test_methods_are_in_the_experiments_that_they_are_for():
    rows = list(compare(['tkd', 'vsharp', 'vsharp+tkd'], voxel_mm=COARSE))
    found = {(row.method, row.experiment.split(',')[0]) for row in rows}
    expected = {
        ('tkd', 'dipole inversion'),
        ('vsharp', 'background removal'),
        ('vsharp+tkd', 'both'),
    }
    assert found == expected
    alone, *others = [row for row in rows if 'tkd' in row.method]
    assert all(alone.rmse < other.rmse for other in others)
    assert alone.covered == 1 > others[0].covered
    assert 0.5 < alone.slope < 1.2


def test_heads_differ(brain):
    assert not torch.equal(brain.chi, numerical_brain(1, COARSE).chi)


@pytest.mark.parametrize('name', ['magic', 'tkd+vsharp', 'lbv+magic'])
def test_what_is_no_method_is_named(name):
    with pytest.raises(ValueError, match=name.replace('+', r'\+')):
        list(compare([name], voxel_mm=COARSE))
