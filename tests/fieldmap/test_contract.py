import dataclasses
import inspect
import math

import pytest
import torch

from qsmnet_bids.fieldmap import METHODS
from qsmnet_bids.unwrapping import METHODS as UNWRAPPINGS
from tests.simulated import coordinates, simulate

SINGLE_ECHO = {'weighted_mean'}


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
        assert {'unwrapping', 'unwrapping_parameters', 'bipolar'} <= {o.name for o in options}
        assert METHODS[method.__name__] is method

    def test_the_record_describes_the_input(self, method, head):
        before = head.echoes.phase.clone()
        total = method(head.echoes, mask=head.brain)
        assert torch.equal(total.mask, head.brain)
        assert total.voxel_size == head.echoes.voxel_size
        assert total.b0_dir == head.echoes.b0_dir
        for volume in (total.field, total.noise, total.unwrapped):
            assert volume.dtype == torch.float32
            assert torch.isfinite(volume).all()
            assert not volume[~head.brain].any()
        assert (total.noise[head.brain] > 0).all()
        assert torch.equal(head.echoes.phase, before)
        strength = head.echoes.magnitude.square().sum(0).sqrt()
        assert torch.allclose(total.magnitude, strength)

    def test_the_unwrapped_phase_is_a_multiple_of_the_field_without_turns(self, method, head):
        total = method(head.echoes, mask=head.brain)
        field, phase = (v[head.brain].double() for v in (total.field, total.unwrapped))
        columns = torch.stack([field, torch.ones_like(field)], dim=1)
        fitted = columns @ torch.linalg.lstsq(columns, phase[:, None]).solution
        assert float((phase - fitted[:, 0]).abs().max()) < math.pi
        assert float(phase.std()) > 5 * float((phase - fitted[:, 0]).std())

    @pytest.mark.parametrize('echo_times', [(0.01,), (0.004, 0.012), (0.004, 0.009, 0.016, 0.025)])
    def test_the_field_is_right_within_its_noise(self, method, echo_times):
        head = simulate(echo_times=echo_times, offset=0.0)
        if len(echo_times) == 1 and method.__name__ not in SINGLE_ECHO:
            with pytest.raises(ValueError, match='at least 2 echoes, got 1'):
                method(head.echoes, mask=head.brain)
            return
        total = method(head.echoes, mask=head.brain)
        error = (total.field - head.total)[head.brain]
        assert scatter(error / total.noise[head.brain]) == pytest.approx(1, abs=0.15)
        assert abs(float(error.median())) < 5e-4
        assert float(error.abs().max()) < 0.02

    @pytest.mark.parametrize('noise', [0.005, 0.03, 0.1])
    def test_the_noise_is_told_honestly(self, method, noise):
        head = simulate(echo_times=(0.004, 0.009, 0.016, 0.025), offset=0.0, noise=noise)
        told = method(head.echoes, mask=head.brain, unwrapping='romeo')
        error = ((told.field - head.total) / told.noise)[head.brain]
        assert scatter(error) == pytest.approx(1, abs=0.05)
        assert float(error.std()) == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize('unwrapping', UNWRAPPINGS)
    def test_every_unwrapping_serves(self, method, unwrapping):
        head = simulate(echo_times=(0.005, 0.01, 0.015), offset=0.3)
        total = method(head.echoes, mask=head.brain, unwrapping=unwrapping)
        error = (total.field - head.total)[head.brain]
        # the plain Laplacian lacks a harmonic field
        bound = 1.0 if unwrapping == 'laplacian' else 0.03
        assert float((error - error.median()).abs().max()) < bound
        assert scatter(torch.diff(error)) < 0.01

    @pytest.mark.parametrize(
        'echo_times', [(0.004, 0.009, 0.014, 0.019), (0.004, 0.011, 0.016, 0.025)]
    )
    def test_a_bipolar_readout_is_mended(self, method, echo_times):
        head = simulate(echo_times=echo_times, offset=0.4)
        tilt = 0.7 - 0.05 * coordinates((48, 48, 48), (1.0, 1.0, 1.0))[1]
        phase = head.echoes.phase.clone()
        phase[1::2] = torch.remainder(phase[1::2] + tilt + math.pi, 2 * math.pi) - math.pi
        echoes = dataclasses.replace(head.echoes, phase=phase)
        usual = method(head.echoes, mask=head.brain).field
        mended = method(echoes, mask=head.brain, bipolar=True).field
        kept = method(echoes, mask=head.brain).field
        inside = head.brain
        assert float((mended - usual)[inside].abs().quantile(0.95)) < 0.01
        assert float((kept - usual)[inside].abs().quantile(0.5)) > 0.01

    def test_a_bipolar_readout_of_two_echoes_is_refused(self, method):
        head = simulate(shape=(16, 16, 16), echo_times=(0.005, 0.01))
        with pytest.raises(ValueError, match='at least 3 echoes, got 2'):
            method(head.echoes, mask=head.brain, bipolar=True)

    def test_an_unknown_unwrapping_is_refused(self, method, head):
        with pytest.raises(ValueError, match=r'unwrapping must be one of.*best_path'):
            inspect.unwrap(method)(head.echoes, mask=head.brain, unwrapping='magic')

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
