import pytest
import torch
from scipy import ndimage

from qsmnet_bids.phantom import anatomy
from qsmnet_bids.phantom.brain import brain_phantom


def mean_chi(head, name):
    label = {text: index for index, text in anatomy.LABELS.items()}[name]
    return float(head.chi[head.labels == label].mean())


def test_susceptibility_has_the_order_of_the_literature(head):
    iron_rich = ('globus pallidus', 'substantia nigra', 'dentate nucleus')
    striatum = ('caudate nucleus', 'putamen')
    assert all(0.07 < mean_chi(head, name) < 0.2 for name in iron_rich)
    assert all(0.03 < mean_chi(head, name) < 0.09 for name in striatum)
    assert -0.05 < mean_chi(head, 'white matter') < -0.01
    assert 0 < mean_chi(head, 'grey matter') < 0.04
    assert mean_chi(head, 'corpus callosum') < mean_chi(head, 'white matter')
    assert mean_chi(head, 'calcification') < -0.3
    assert mean_chi(head, 'haemorrhage') > 0.3
    assert mean_chi(head, 'vein') > 0.1


def test_brain_has_a_brains_volume_and_all_labels(head):
    assert 1.6e6 < float(head.mask.sum()) * 64 < 2.2e6
    assert set(head.labels.unique().tolist()) == {0, *anatomy.LABELS}
    assert torch.equal(head.mask, head.labels > 0)


def test_neither_air_nor_bone_reaches_into_the_mask(head):
    inside = head.chi[head.mask]
    assert float(inside.min()) > -1.1
    assert float(inside.max()) < 1.1
    assert float(head.proton_density[head.mask].min()) > 0.2


def test_head_stands_in_air_and_goes_on_below(head):
    corners = head.chi[:: head.chi.shape[0] - 1, :: head.chi.shape[1] - 1, -1]
    torch.testing.assert_close(corners, torch.full_like(corners, anatomy.AIR.chi))
    tissue = (head.chi_below < 1).float().mean(dim=(0, 1))
    assert float(tissue.min()) > 0.05
    assert head.chi_below.shape[2] == head.grid.n_below


def test_brain_is_surrounded_by_silent_bone(head):
    distance = ndimage.distance_transform_edt(~head.mask.numpy(), head.grid.voxel_size)
    shell = torch.from_numpy((distance > 3) & (distance < 7))
    signal = head.proton_density * torch.exp(-0.004 * head.r2star)
    assert float(signal[shell].median()) < 0.3
    assert float(signal[head.mask].median()) > 0.6


def test_tissue_is_not_piecewise_constant(head):
    white = head.chi[head.labels == anatomy.WHITE_LABEL]
    assert 0.004 < float(white.std()) < 0.03


def test_same_seed_same_head_and_other_seed_other_head(head):
    size = head.grid.voxel_size
    again, other = (brain_phantom(voxel_size=size, seed=seed) for seed in (3, 4))
    assert torch.equal(again.chi, head.chi)
    assert torch.equal(again.labels, head.labels)
    assert mean_chi(other, 'putamen') != pytest.approx(mean_chi(head, 'putamen'), rel=1e-3)
    assert float((other.mask ^ head.mask).float().sum()) > 50


def test_session_moves_the_head_and_keeps_the_subject(head):
    later = brain_phantom(voxel_size=head.grid.voxel_size, seed=3, session=2)
    assert float((later.mask ^ head.mask).float().sum()) > 50
    assert float(later.mask.sum()) == pytest.approx(float(head.mask.sum()), rel=0.02)
    for name in ('putamen', 'thalamus', 'white matter'):
        assert mean_chi(later, name) == pytest.approx(mean_chi(head, name), rel=0.1)


def test_tilt_leaves_the_head_as_it_is_in_its_voxels(head):
    tilted = brain_phantom(voxel_size=head.grid.voxel_size, seed=3, oblique=30)
    assert torch.equal(tilted.chi, head.chi)
    assert tilted.grid.b0_dir == pytest.approx((0, 0.5, 3**0.5 / 2))


@pytest.mark.slow
def test_voxel_size_changes_the_sampling_not_the_subject(head):
    finer = brain_phantom(voxel_size=(2.0, 2.0, 4.0), seed=3)
    assert finer.chi.shape == (98, 116, 47)
    volume = float(finer.mask.sum()) * 16
    assert volume == pytest.approx(float(head.mask.sum()) * 64, rel=0.01)
    for name in ('putamen', 'white matter', 'thalamus'):
        assert mean_chi(finer, name) == pytest.approx(mean_chi(head, name), abs=0.01)


def test_lesions_may_be_given_and_leave_the_rest_as_it_is(head):
    strong = brain_phantom(voxel_size=(4.0, 4.0, 4.0), seed=3, lesion_ppm=1.0)
    assert float(strong.chi[strong.mask].max()) == pytest.approx(1.0)
    # no voxel is all calcification at this size
    assert -1.0 <= float(strong.chi[strong.mask].min()) < float(head.chi[head.mask].min())
    assert torch.equal(strong.labels, head.labels)
    lesions = (anatomy.CALCIFICATION.label, anatomy.BLEED.label)
    changed = (strong.chi != head.chi) & strong.mask
    near = ndimage.binary_dilation(torch.isin(head.labels, torch.tensor(lesions)), iterations=2)
    assert not (changed & ~torch.from_numpy(near)).any()
