from dataclasses import replace

import pytest
import torch

from qsmnet_bids.phantom.field import fields
from qsmnet_bids.physics.dipole import forward_field


def inner(mask: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool3d((~mask)[None, None].float(), 9, 1, 4)[0, 0] == 0


def laplacian(volume: torch.Tensor) -> torch.Tensor:
    second = torch.zeros_like(volume)
    for axis in range(3):
        second += volume.roll(1, axis) + volume.roll(-1, axis) - 2 * volume
    return second


def test_local_field_is_the_forward_model_of_the_masked_truth(head, head_fields):
    expected = forward_field(
        head.chi * head.mask, voxel_size=head.grid.voxel_size, b0_dir=head.grid.b0_dir
    )
    torch.testing.assert_close(head_fields.local, expected * head.mask, atol=1e-6, rtol=0)


def test_background_is_harmonic_inside_the_brain(head, head_fields):
    background = head_fields.total - head_fields.local
    deep = inner(head.mask)
    rough = laplacian(head_fields.total)[deep].std()
    assert float(laplacian(background)[deep].std()) < 0.02 * float(rough)


def test_background_is_many_times_the_local_field_at_true_scale(head, head_fields):
    total, local = head_fields.total[head.mask], head_fields.local[head.mask]
    assert 0.1 < float(total.std()) < 1
    assert 0.003 < float(local.std()) < 0.03


def test_shim_leaves_neither_offset_nor_slope_in_the_brain(head, head_fields):
    inside = head_fields.total[head.mask].double()
    assert abs(float(inside.mean())) < 1e-6
    for axis in head.mask.nonzero().T.double():
        assert abs(float(torch.corrcoef(torch.stack([axis, inside]))[0, 1])) < 1e-5
    assert head_fields.shim_offset != 0


def test_air_in_the_sinuses_distorts_the_field_above_them(head_fields):
    # the gyrus rectus lies above the sphenoid and the ethmoid cells
    x, y, z = (
        round((mm - low) / 4) for mm, low in zip((0, 34, -20), (-98, -134, -72), strict=True)
    )
    assert float(head_fields.total[x - 1 : x + 2, y - 2 : y + 3, z].max()) > 0.5


def test_field_follows_the_tilt(head, head_fields):
    tilted = replace(head, grid=replace(head.grid, b0_dir=(0.0, 1.0, 0.0)))
    turned = fields(tilted)
    swapped = forward_field(
        (head.chi * head.mask).transpose(1, 2).contiguous(),
        voxel_size=head.grid.voxel_size,
        b0_dir=(0.0, 0.0, 1.0),
    ).transpose(1, 2)
    torch.testing.assert_close(turned.local, swapped * head.mask, atol=1e-6, rtol=0)
    deep = inner(head.mask)
    background = turned.total - turned.local
    rough = laplacian(turned.total)[deep].std()
    assert float(laplacian(background)[deep].std()) < 0.02 * float(rough)
    assert float((turned.total - head_fields.total)[head.mask].std()) > 0.1


@pytest.mark.parametrize('factor', [2.0])
def test_local_field_is_linear_in_the_sources(head, head_fields, factor):
    doubled = fields(replace(head, chi=torch.where(head.mask, factor * head.chi, head.chi)))
    torch.testing.assert_close(doubled.local, factor * head_fields.local, atol=1e-6, rtol=1e-4)


def test_background_stays_harmonic_when_b0_is_oblique(head):
    tilted = fields(replace(head, grid=replace(head.grid, b0_dir=(0.0, 0.5, 0.75**0.5))))
    deep = inner(head.mask)
    rough = laplacian(tilted.total)[deep].std()
    assert float(laplacian(tilted.total - tilted.local)[deep].std()) < 0.02 * float(rough)
