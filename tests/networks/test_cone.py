import pytest
import torch

from qsmnet_bids.networks import cone
from qsmnet_bids.networks.cone import unexplained_shares
from qsmnet_bids.networks.fourier import convolve
from qsmnet_bids.physics.dipole import dipole_kernel, padded_shape
from tests.simulated import simulate

SIDE = 48
SIZE = (0.8, 1.0, 1.25)
B0_DIR = (0.0, 0.6, 0.8)


def problem():
    """A susceptibility that fills the volume, so that the mask's own spectrum plays no part."""
    generator = torch.Generator().manual_seed(3)
    chi = torch.randn(1, 1, SIDE, SIDE, SIDE, generator=generator)
    for axis in (-3, -2, -1):
        chi = chi + chi.roll(1, axis) + chi.roll(2, axis)
    kernel = dipole_kernel((SIDE, SIDE, SIDE), SIZE, B0_DIR)[None]
    field = convolve(chi, kernel)
    return field / field.std(), kernel, torch.tensor([SIZE]), generator


def share(field, kernel, sizes, mask=None):
    mask = torch.ones_like(field) if mask is None else mask
    return float(unexplained_shares(field * mask, mask, kernel, sizes)[0, 0])


@pytest.mark.parametrize('deviation', [0.4, 0.8])
def test_noise_is_found_without_being_told(deviation):
    field, kernel, sizes, generator = problem()
    noise = deviation * torch.randn(field.shape, generator=generator)
    true = deviation**2 / (1 + deviation**2)
    assert share(field + noise, kernel, sizes) == pytest.approx(true, rel=0.15)
    assert share(field, kernel, sizes) < 0.03


def test_smooth_errors_have_more_at_middle_frequencies_than_white_ones():
    field, kernel, sizes, generator = problem()
    white = torch.randn(field.shape, generator=generator)
    smooth = white
    for axis in (-3, -2, -1):
        smooth = smooth + smooth.roll(1, axis) + smooth.roll(2, axis)
    smooth = smooth / smooth.std()
    ones = torch.ones_like(field)
    even, more = (
        unexplained_shares(field + 0.7 * error, ones, kernel, sizes)[0]
        for error in (white, smooth)
    )
    true = 0.7**2 / (1 + 0.7**2)
    torch.testing.assert_close(even, torch.full((3,), true), rtol=0.5, atol=0)
    assert more[1:].min() > 1.5 * true


def test_another_direction_of_the_field_explains_little():
    field, _, sizes, _ = problem()
    other = dipole_kernel((SIDE, SIDE, SIDE), SIZE, (0.0, 0.0, 1.0))[None]
    assert share(field, other, sizes) > 0.2


def test_a_head_without_noise_has_little_and_the_unit_does_not_matter():
    head = simulate(shape=(SIDE, SIDE, SIDE), b0_dir=B0_DIR)
    mask = head.brain.float()[None, None]
    grid = padded_shape((SIDE, SIDE, SIDE), (1.0, 1.0, 1.0), 20.0)
    kernel = dipole_kernel(grid, (1.0, 1.0, 1.0), B0_DIR)[None]
    field, sizes = head.local[None, None] * mask, torch.ones(1, 3)
    generator = torch.Generator().manual_seed(0)
    noise = 0.6 * field[mask > 0].std() * torch.randn(field.shape, generator=generator)
    clean, noisy = (share(given, kernel, sizes, mask) for given in (field, field + noise))
    assert clean < 0.1
    assert noisy > clean + 0.15
    assert share(8 * field, kernel, sizes, mask) == clean


def test_samples_of_a_batch_do_not_see_each_other_and_no_field_has_no_share():
    field, kernel, sizes, generator = problem()
    other = torch.randn(field.shape, generator=generator)
    both = torch.cat([field, other, 0 * field])
    found = unexplained_shares(
        both, torch.ones_like(both), kernel.expand(3, -1, -1, -1), sizes.expand(3, -1)
    )
    alone = [
        unexplained_shares(one, torch.ones_like(one), kernel, sizes) for one in (field, other)
    ]
    torch.testing.assert_close(found, torch.cat([*alone, torch.zeros_like(alone[0])]))
    assert alone[1][0, 0] > 0.8


def test_tens_of_millions_of_voxels_add_up():
    n = 20_000_000
    # in single precision adding 2 changes nothing from 2**25 on
    sums = cone._sums(torch.full((1, n), 2.0), torch.ones(n, dtype=torch.long))
    assert float(sums[0, 0]) == 2 * n
