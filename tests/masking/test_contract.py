import dataclasses
import inspect

import pytest
import torch
from scipy import ndimage

from qsmnet_bids.masking import METHODS
from qsmnet_bids.masking.morphology import erode
from tests.simulated import coordinates, simulate


@pytest.fixture(scope='module')
def head():
    return simulate()


def dice(first, second):
    return 2 * float((first & second).sum()) / float(first.sum() + second.sum())


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        echoes, *options = inspect.signature(method).parameters.values()
        assert echoes.name == 'echoes'
        assert all(
            o.kind is o.KEYWORD_ONLY and isinstance(o.default, float | bool) for o in options
        )
        assert {'opening_radius', 'closing_radius', 'erosion_radius', 'fill'} <= {
            o.name for o in options
        }
        assert METHODS[method.__name__] is method

    def test_finds_the_brain_without_the_scalp(self, method, head):
        mask = method(head.echoes)
        assert mask.dtype == torch.bool
        assert dice(mask, head.brain) > 0.95
        assert ndimage.label(mask.numpy())[1] == 1
        assert torch.equal(mask, torch.from_numpy(ndimage.binary_fill_holes(mask.numpy())))

    def test_fills_dark_veins_and_bleeds(self, method, head):
        offsets = torch.stack(torch.meshgrid(*[torch.arange(48) - 24.0] * 3, indexing='ij'))
        dark = ((offsets[0] - 4) ** 2 + offsets[1] ** 2 < 2) | (offsets.square().sum(0) < 16)
        generator = torch.Generator().manual_seed(1)
        noise = 0.01 * torch.randn(2, 3, 48, 48, 48, generator=generator)
        magnitude = torch.where(dark, noise.square().sum(0).sqrt(), head.echoes.magnitude)
        phase = torch.where(dark, torch.atan2(noise[0], noise[1]), head.echoes.phase)

        mask = method(dataclasses.replace(head.echoes, magnitude=magnitude, phase=phase))

        # where a vein meets the surface it may stay open
        deep = offsets.square().sum(0).sqrt() < 0.72 * 24 - 7
        assert mask[dark & deep].all()

    def test_leaves_holes_open_on_request_and_the_surface_as_it_is(self, method, head):
        offsets = coordinates((48, 48, 48), (1.0, 1.0, 1.0))
        bleed = offsets.square().sum(0) < 16
        generator = torch.Generator().manual_seed(2)
        noise = 0.01 * torch.randn(2, 3, 48, 48, 48, generator=generator)
        magnitude = torch.where(bleed, noise.square().sum(0).sqrt(), head.echoes.magnitude)
        phase = torch.where(bleed, torch.atan2(noise[0], noise[1]), head.echoes.phase)
        echoes = dataclasses.replace(head.echoes, magnitude=magnitude, phase=phase)

        filled, reliable = method(echoes), method(echoes, fill=False)

        assert not (reliable & ~filled).any()
        assert filled[bleed].all()
        assert float(reliable[bleed].float().mean()) < 0.3
        far = offsets.square().sum(0) > 12**2
        assert float((filled & ~reliable & far).sum()) < 0.02 * float(filled.sum())
        assert ndimage.label(reliable.numpy())[1] == 1

    def test_erodes_by_mm(self, method, head):
        filled = method(head.echoes)
        shrunk = method(head.echoes, erosion_radius=2.5)
        assert torch.equal(shrunk, erode(filled, 2.5, voxel_size=(1.0, 1.0, 1.0)))

    def test_low_signal_to_noise_and_an_uneven_magnitude(self, method):
        head = simulate(noise=0.04)
        offsets = coordinates((48, 48, 48), (1.0, 1.0, 1.0))
        uneven = 1 / (1 + (offsets.square().sum(0) / 20**2))
        echoes = dataclasses.replace(head.echoes, magnitude=head.echoes.magnitude * uneven)
        assert dice(method(echoes), head.brain) > 0.93

    @pytest.mark.parametrize('name', ['opening_radius', 'closing_radius', 'erosion_radius'])
    def test_radii_below_zero_are_refused(self, method, name, head):
        with pytest.raises(ValueError, match=rf'{name} must be at least 0, got -1'):
            method(head.echoes, **{name: -1.0})

    def test_keeps_a_crop_without_background_whole(self, method, head):
        window = (slice(None), slice(14, 34), slice(14, 34), slice(14, 34))
        crop = dataclasses.replace(
            head.echoes, magnitude=head.echoes.magnitude[window], phase=head.echoes.phase[window]
        )
        assert method(crop).all()

    def test_single_echo_and_thick_slices(self, method):
        head = simulate(
            shape=(60, 60, 24), voxel_size=(0.8, 0.8, 2.0), echo_times=(0.01,), scalp=False
        )
        assert dice(method(head.echoes), head.brain) > 0.9

    def test_does_not_depend_on_the_unit_of_the_magnitude(self, method, head):
        louder = dataclasses.replace(head.echoes, magnitude=4096 * head.echoes.magnitude)
        assert torch.equal(method(louder), method(head.echoes))


@pytest.mark.parametrize('name', ['fraction', 'quality'])
@pytest.mark.parametrize('value', [0.0, 1.0])
def test_thresholds_out_of_range_are_refused(name, value, head):
    with pytest.raises(ValueError, match=rf'{name} must be in \(0, 1\)'):
        METHODS['combined'](head.echoes, **{name: value})
