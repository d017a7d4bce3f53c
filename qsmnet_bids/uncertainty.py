"""How sure a reconstruction is of each voxel, for any method of inversion.

Five things are put together, none of which needs a ground truth. *Noise*: the method is applied to
copies of the field with noise of the size that the field's fit reports. *What the map does not
explain*: where its own field misses the measured one by more than noise and the method make it,
the field's error is taken to be as much larger. *Asymmetry*: a volume that is mirrored or whose
axes are swapped, with B0 turned likewise, is the same problem and has the same solution, mirrored;
so each pair of copies is another one of these. *Bias*: the mean of all these maps is taken for the
truth, its field is computed and inverted again. What is lost or streaks then is what the method
loses of such a brain, as a bootstrap finds bias (B. Efron, Ann. Stat. 7:1-26, 1979,
doi:10.1214/aos/1176344552).
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, pad

from qsmnet_bids.physics.box import Box, bounding_box, put_back
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.symmetry import SYMMETRIES, Symmetry, turned, turned_back
from qsmnet_bids.tensors import LocalField, Mask, Removed, Volume

MARGIN = 40.0
"""mm; around the box of the mask, for the field of a map."""
WIDTH = 3
"""Voxels of the cube over which variances are averaged: some members alone say little of one."""
RESIDUAL_WIDTH = 5
"""The same for squares of residuals, which stand for the field around."""
BORDER_WIDTH, BESIDE_WIDTH = 5, 9
"""The same of what lies wholly in the mask but for its border, two voxels deep, and of how strong
a map is at the border and beside it."""


@dataclass(frozen=True)
class Ensemble:
    """What the members of an ensemble agree upon, and how far they are to be trusted.

    Parameters
    ----------
    mean
        ppm, zero outside the mask and, as each member, on average in it.
    deviation
        Standard deviation, ppm, zero outside the mask.
    """

    mean: Volume
    deviation: Volume


def ensemble(
    local: LocalField,
    *,
    method: Callable[[LocalField], Volume],
    n_members: int = 8,
    seed: int = 0,
    model_error: bool = True,
    factor: float = 1.0,
) -> Ensemble:
    """Estimate the standard deviation of a susceptibility map.

    With N / 2 pairs x_n+, x_n- of maps from the field with noise added and subtracted, each pair
    mirrored in another way, and with all maps less their mean over the mask,

        noise^2 = mean((x_n+ - x_n-)^2) / 4
        asymmetry^2 = variance((x_n+ + x_n-) / 2)
        bias = x' - m
        deviation^2 = factor^2 G_3 (scale^2 noise^2 + asymmetry^2 + bias^2 + flatness^2)
        scale^2 = max(1, G_5(r^2 - r'^2) / G_5(r_noise^2))

    where m is the mean of all, x' the map of its field, r what the field of m leaves of the
    measured field, r' what the field of x' leaves of that of m, and r_noise what the field of
    (x_1+ - x_1-) / 2 leaves of the noise that was added; G_w averages over the voxels of the mask
    in a cube of w voxels. In the border of the mask, two voxels deep, flatness^2 is the mean of
    m^2 within 4 voxels beside the border, less twice that in it, if positive; elsewhere it is 0.
    Errors of the field that look like the field of susceptibility are not in it: what background
    removal leaves or takes, flow, anisotropy, motion.

    Parameters
    ----------
    local
        Field to invert; where it comes with what was removed, copies are as large as the total
        field's mask.
    method
        Makes a map of the field's shape of it, for any voxel size and direction of B0.
    n_members
        Maps that are made of copies of the field, even, 2 to 96; from 18 on axes are swapped, too.
    seed
        Of the noise.
    model_error
        Whether bias, scale and flatness count; it takes one map more.
    factor
        What the result is multiplied by, from a calibration.

    Returns
    -------
        On the field's own axes.
    """
    most = 2 * len(SYMMETRIES)
    if not 2 <= n_members <= most or n_members % 2:
        raise ValueError(f'n_members must be even and in [2, {most}], got {n_members}')
    if factor <= 0:
        raise ValueError(f'factor must be positive, got {factor}')
    box = bounding_box(local.mask if local.removed is None else local.removed.mask)
    whole, local = local.mask.shape, _cropped(local, box)
    mask, n_pairs = local.mask, n_members // 2
    generator = torch.Generator().manual_seed(seed)
    mean, asymmetry, noise = (torch.zeros_like(local.field) for _ in range(3))
    level, left = local.field.new_zeros(()), torch.zeros_like(local.field)
    for number, symmetry in enumerate(SYMMETRIES[:n_pairs]):
        drawn = _draw(local, generator)
        plus, minus = (
            _member(local, sign * drawn, method=method, symmetry=symmetry) for sign in (1, -1)
        )
        half, middle = (plus - minus) * (0.5 * mask), (plus + minus).mul_(0.5)
        if number == 0 and model_error:
            left = drawn - _field_of(half, local)
        noise += _centred(half, mask).square_().div_(n_pairs)
        level += middle[mask].mean() / n_pairs
        # Welford's update: one pass, two volumes
        before = _centred(middle, mask).sub_(mean)
        mean += before / (number + 1)
        asymmetry += before.square_().mul_(number / (number + 1) / n_pairs)
    if model_error:
        # with its constant, as the field that was measured had it
        bias, scale = _model_error((mean + level) * mask, local, left, method)
        noise = noise.mul_(scale).add_(bias.square_()).add_(_flatness(mean, mask))
    variance = noise.add_(asymmetry)
    deviation = _averaged(variance, mask, WIDTH).sqrt_().mul_(factor)
    return Ensemble(put_back(mean, box, whole), put_back(deviation, box, whole))


METHODS: dict[str, Callable[..., Ensemble]] = {'uncertainty': ensemble}


def combine_passes(first: Volume, second: Volume, *, first_mask: Mask) -> Volume:
    """Put the uncertainties of two passes together as ``two_pass.combine`` does the maps.

    Parameters
    ----------
    first, second
        Standard deviations, ppm, zero outside the mask of their pass.
    first_mask
        Where the first pass knows its map.
    """
    return torch.where(first_mask, first, second)


def _cropped(local: LocalField, box: Box) -> LocalField:
    def crop(volume: Tensor | None) -> Tensor | None:
        return None if volume is None else volume[box]

    taken = local.removed
    return dataclasses.replace(
        local,
        field=local.field[box],
        noise=local.noise[box],
        mask=local.mask[box],
        magnitude=crop(local.magnitude),
        r2star=crop(local.r2star),
        removed=taken and Removed(taken.field[box], taken.noise[box], taken.mask[box]),
    )


def _draw(local: LocalField, generator: torch.Generator) -> Volume:
    # where every machine draws the same
    random = torch.randn(local.field.shape, generator=generator)
    return random.to(local.field) * torch.where(local.mask, local.noise, 0)


def _member(
    local: LocalField,
    shift: Volume,
    *,
    method: Callable[[LocalField], Volume],
    symmetry: Symmetry,
) -> Volume:
    copy = dataclasses.replace(local, field=local.field + shift)
    return turned_back(method(turned(copy, symmetry)), symmetry)


def _model_error(
    chi: Volume, local: LocalField, left: Volume, method: Callable[[LocalField], Volume]
) -> tuple[Volume, Volume]:
    """Give the bias, ppm, and by how much the noise's variance is too small."""
    mask = local.mask
    field = _field_of(chi, local)
    again = method(dataclasses.replace(local, field=field)) * mask

    def power(residual: Volume) -> Volume:
        return _averaged(_centred(residual, mask).square_(), mask, RESIDUAL_WIDTH)

    expected = power(left)
    unexplained = power(local.field - field) - power(field - _field_of(again, local))
    scale = torch.where(expected > 0, unexplained / expected, 1).clamp_(min=1)
    return _centred(again - chi, mask), scale


def _flatness(chi: Volume, mask: Mask) -> Volume:
    """Give the variance that a map has beside its mask's border and all but lacks at it, ppm^2."""
    core = mask & (_totals(mask.to(chi), BORDER_WIDTH) > BORDER_WIDTH**3 - 0.5)
    if not bool(core.any()):  # all of it is border
        return torch.zeros_like(chi)
    border, power = mask & ~core, chi.square()
    beside = _averaged(power, core, BESIDE_WIDTH, where=border)
    # the border's own tissue is calmer by nature: what has half as much is not flat
    return beside.sub_(_averaged(power, border, BESIDE_WIDTH), alpha=2).clamp_(min=0)


def _centred(volume: Volume, mask: Mask) -> Volume:
    return (volume - volume[mask].mean()).mul_(mask)


def _field_of(chi: Volume, local: LocalField) -> Volume:
    field = forward_field(chi, voxel_size=local.voxel_size, b0_dir=local.b0_dir, margin_mm=MARGIN)
    return field * local.mask


def _averaged(volume: Volume, mask: Mask, width: int, *, where: Mask | None = None) -> Volume:
    """Average over the voxels of the mask in a cube; zero outside it, or outside ``where``."""
    inside = mask.to(volume)
    mean = _totals(volume * inside, width) / _totals(inside, width).clamp_(min=0.5)
    return torch.where(mask if where is None else where, mean, 0)


def _totals(values: Volume, width: int) -> Volume:
    """Sum over a cube around each voxel; there is nothing beyond the volume."""
    # what it pads itself may not be thinner than the cube
    grown = pad(values[None], [width // 2] * 6)
    return avg_pool3d(grown, width, stride=1)[0].mul_(width**3)
