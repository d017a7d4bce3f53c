"""A network whose volume does not fit into a GPU is applied in tiles; here, one that says so."""

import logging

import pytest
import torch

from qsmnet_bids.errors import MethodError
from qsmnet_bids.interfaces.numerics.inversion import invert_dipole
from qsmnet_bids.interfaces.numerics.tiles import next_tile_size
from qsmnet_bids.inversion import METHODS
from qsmnet_bids.inversion.net import deepqsm
from qsmnet_bids.tensors import LocalField
from qsmnet_bids.weights.registry import load_network_for


@pytest.fixture(scope='module')
def local():
    """A field of 44 x 30 x 28 voxels that the network sees as it is."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(44, 30, 28, dtype=torch.bool)
    mask[2:-2, 2:-2, 2:-2] = True
    field = 0.03 * torch.randn(mask.shape, generator=generator) * mask
    return LocalField(field, 0.001 * mask, mask, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))


@pytest.fixture
def small_gpu(monkeypatch):
    """Let the network run out of memory above a number of voxels; note the sizes it met."""
    network = load_network_for('dipole', 'deepqsm').module
    forward = network.forward
    met = []

    def limit(n_voxels):
        def limited(sample):
            met.append(tuple(sample.field.shape[2:]))
            if sample.field.numel() > n_voxels:
                raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')
            return forward(sample)

        monkeypatch.setattr(network, 'forward', limited)
        return met

    return limit


def test_tiles_are_halved_until_they_fit(local, small_gpu, caplog):
    expected = deepqsm(local, tile_size=32).chi
    before = local.field.clone()
    met = small_gpu(32**3)
    with caplog.at_level(logging.WARNING, logger='nipype'):
        chi, step = invert_dipole(local, method='deepqsm', parameters={})
    assert met == [(48, 32, 32), (32, 32, 32), (32, 32, 32)]
    assert torch.equal(chi.chi, expected)
    assert torch.equal(local.field, before)
    assert step.parameters['tile_size'] == 32
    (warning,) = step.warnings
    assert warning.startswith(
        'deepqsm was applied in tiles of 32 voxels, as the memory of the GPU'
    )
    assert 'for the whole volume; going on with tiles of 32 voxels' in caplog.text


def test_tiles_that_were_asked_for_are_halved_too(local, small_gpu):
    met = small_gpu(32**3)
    parameters = {'deepqsm': {'tile_size': 48}}
    chi, step = invert_dipole(local, method='deepqsm', parameters=parameters)
    assert met[0] == (48, 32, 32)
    assert step.parameters['tile_size'] == 32
    assert parameters == {'deepqsm': {'tile_size': 48}}
    assert torch.isfinite(chi.chi).all()


def test_a_gpu_that_is_large_enough_is_not_spoken_of(local, small_gpu):
    small_gpu(48 * 32 * 32)
    chi, step = invert_dipole(local, method='deepqsm', parameters={})
    assert torch.equal(chi.chi, deepqsm(local).chi)
    assert (step.warnings, step.parameters['tile_size']) == ((), 0)


def test_below_the_smallest_tiles_the_cpu_is_named(local, small_gpu):
    met = small_gpu(0)
    with pytest.raises(MethodError, match=r'even for tiles of 32 voxels; run with --device cpu'):
        invert_dipole(local, method='deepqsm', parameters={})
    assert len(met) == 2, 'nothing is tried twice'


def test_a_method_without_tiles_names_the_cpu_at_once(local, monkeypatch):
    def tkd(_local):
        raise torch.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setitem(METHODS, 'tkd', tkd)
    with pytest.raises(MethodError, match=r'tkd: .* for the whole volume; run with --device cpu'):
        invert_dipole(local, method='tkd', parameters={})


def test_a_network_that_sees_the_whole_is_not_tiled(local, small_gpu, monkeypatch):
    small_gpu(0)
    monkeypatch.setattr(
        load_network_for('dipole', 'deepqsm').module, 'needs', frozenset({'kernel'})
    )
    with pytest.raises(MethodError, match='for the whole volume'):
        invert_dipole(local, method='deepqsm', parameters={})


@pytest.mark.parametrize('error', [MemoryError(), RuntimeError('DefaultCPUAllocator: no memory')])
def test_the_memory_of_the_cpu_is_another_matter(local, monkeypatch, error):
    def raising(_sample):
        raise error

    monkeypatch.setattr(load_network_for('dipole', 'deepqsm').module, 'forward', raising)
    with pytest.raises(type(error)):
        invert_dipole(local, method='deepqsm', parameters={})


@pytest.mark.parametrize(
    ('start', 'multiple', 'expected'),
    [
        (256, 16, [128, 64, 32]),
        (197, 16, [96, 48, 32]),
        (96, 16, [48, 32]),
        (233, 32, [96, 32]),
        (100, 64, [64]),
        (30, 16, []),
    ],
)
def test_sizes_are_halved_to_multiples(start, multiple, expected):
    sizes, size = [], start
    while (size := next_tile_size(size, multiple=multiple)) is not None:
        sizes.append(size)
    assert sizes == expected
