import dataclasses
import inspect

import pytest
import torch

from qsmnet_bids.fieldmap import METHODS
from tests.simulated import simulate


@pytest.fixture(scope='module')
def head():
    return simulate()


def scatter(values):
    """Robust standard deviation."""
    return float((values - values.median()).abs().median()) / 0.6745


@pytest.mark.parametrize('method', METHODS.values(), ids=METHODS.keys())
class TestEachMethod:
    def test_signature(self, method):
        echoes, mask, *options = inspect.signature(method).parameters.values()
        assert (echoes.name, mask.name) == ('echoes', 'mask')
        assert all(o.kind is o.KEYWORD_ONLY for o in (mask, *options))
        assert {'unwrapping', 'unwrapping_parameters'} <= {o.name for o in options}
        assert METHODS[method.__name__] is method

    def test_the_record_describes_the_input(self, method, head):
        before = head.echoes.phase.clone()
        total = method(head.echoes, mask=head.brain)
        assert torch.equal(total.mask, head.brain)
        assert total.voxel_size == head.echoes.voxel_size
        assert total.b0_dir == head.echoes.b0_dir
        for volume in (total.field, total.noise):
            assert volume.dtype == torch.float32
            assert torch.isfinite(volume).all()
            assert not volume[~head.brain].any()
        assert (total.noise[head.brain] > 0).all()
        assert torch.equal(head.echoes.phase, before)

    @pytest.mark.parametrize('echo_times', [(0.01,), (0.004, 0.012), (0.004, 0.009, 0.016, 0.025)])
    def test_the_field_is_right_within_its_noise(self, method, echo_times):
        head = simulate(echo_times=echo_times, offset=0.0)
        total = method(head.echoes, mask=head.brain)
        error = (total.field - head.total)[head.brain]
        assert scatter(error / total.noise[head.brain]) == pytest.approx(1, abs=0.15)
        assert abs(float(error.median())) < 5e-4
        assert float(error.abs().max()) < 0.02

    def test_a_voxel_without_signal_has_finite_noise_and_spoils_no_other(self, method, head):
        magnitude, phase = head.echoes.magnitude.clone(), head.echoes.phase.clone()
        magnitude[:, 24, 24, 24] = phase[:, 24, 24, 24] = 0
        echoes = dataclasses.replace(head.echoes, magnitude=magnitude, phase=phase)
        total = method(echoes, mask=head.brain)
        assert torch.isfinite(total.noise).all()
        assert float(total.noise[24, 24, 24]) > 100 * float(total.noise[head.brain].median())
        error = (total.field - head.total)[head.brain].abs()
        assert int((error > 0.02).sum()) <= 1

    def test_an_empty_mask_is_refused(self, method, head):
        with pytest.raises(ValueError, match='empty'):
            method(head.echoes, mask=torch.zeros_like(head.brain))
