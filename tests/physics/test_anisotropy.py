import pytest
import torch

from qsmnet_bids.physics.anisotropy import fibre_tensor, spectrum_along, unit_frequencies
from qsmnet_bids.physics.dipole import dipole_kernel

SHAPE = (9, 11, 13)
SIZE = (0.8, 1.0, 2.5)
B0_DIR = (0.0, 0.6, 0.8)


def spectra_of(tensor):
    return torch.fft.rfftn(tensor, dim=(2, 3, 4))


def test_a_multiple_of_the_identity_has_the_field_of_a_dipole(generator):
    chi = torch.randn(SHAPE, generator=generator)
    tensor = torch.eye(3)[:, :, None, None, None] * chi
    found = spectrum_along(spectra_of(tensor), unit_frequencies(SHAPE, SIZE), B0_DIR)
    expected = torch.fft.rfftn(chi) * dipole_kernel(SHAPE, SIZE, B0_DIR)
    expected[0, 0, 0] = found[0, 0, 0]  # of the mean, which is a matter of convention
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_layers_across_a_frequency_have_the_field_of_their_own_plane(axis):
    """B = b . chi b / 3 - (n . b) n . chi b, written out for waves along one axis."""
    wave = torch.zeros(SHAPE)
    view = [1, 1, 1]
    view[axis] = SHAPE[axis]
    wave += torch.cos(2 * torch.pi * torch.arange(SHAPE[axis]) / SHAPE[axis]).view(view)
    fibres = torch.tensor([0.48, 0.6, 0.64])[:, None, None, None].expand(3, *SHAPE)
    tensor = fibre_tensor(fibres, wave)
    spectrum = spectrum_along(spectra_of(tensor), unit_frequencies(SHAPE, SIZE), B0_DIR)
    field = torch.fft.irfftn(spectrum, s=SHAPE)
    b, v, n = torch.tensor(B0_DIR), torch.tensor([0.48, 0.6, 0.64]), torch.eye(3)[axis]
    moment = v * (v @ b) - b / 3
    expected = (b @ moment) / 3 - (n @ b) * (n @ moment)
    torch.testing.assert_close(field, expected * wave, rtol=1e-4, atol=1e-5)


def test_fibres_leave_the_mean_susceptibility_as_it_is(generator):
    fibres = torch.randn((3, *SHAPE), generator=generator)
    tensor = fibre_tensor(fibres, torch.ones(SHAPE))
    assert float(tensor.diagonal().sum(-1).abs().max()) < 1e-5
    torch.testing.assert_close(tensor, tensor.transpose(0, 1))
