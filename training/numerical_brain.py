"""The thesis's numerical brain phantom, for every step from total field to susceptibility.

C. Gessner's thesis (HAW Hamburg, 2019), sections 3.7, 4.1.4, 4.2.2 and 4.3.2, tables 10, 12 and
14: a segmented head whose regions have one susceptibility each, without vessels; the field of it
alone, with the field of strong sources outside, and with an offset of 0.4 ppm besides. Heads are
those of ``qsmnet_bids.phantom``, without their veins, lesions and texture.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids.background import METHODS as BACKGROUNDS
from qsmnet_bids.inversion import METHODS as INVERSIONS
from qsmnet_bids.metrics import rmse, slope_intercept, ssim
from qsmnet_bids.phantom import anatomy
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.peel import peeled
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, TotalField, Volume
from qsmnet_bids.vectors import Vector
from qsmnet_bids.weights.cards import is_one_step
from training.worlds.background import ORIGINS
from training.worlds.objects import ELLIPSOID, placed
from training.worlds.raster import rasterise

VOXEL_MM = 1.4
"""The thesis has 128 x 144 x 176 voxels without their size: about that of a head of its own."""
ROOM_MM = 30.0
"""Around the brain, where the sources outside are."""
ERODED = 2
OFFSET_PPM = 0.4
B0_DIR = (0.0, 0.0, 1.0)
VALUES = {
    anatomy.CSF_LABEL: anatomy.CSF.chi,
    anatomy.GREY_LABEL: anatomy.GREY.chi,
    anatomy.WHITE_LABEL: anatomy.WHITE.chi,
    anatomy.BLOOD_LABEL: anatomy.GREY.chi,
    anatomy.CALCIFICATION.label: anatomy.WHITE.chi,
    anatomy.BLEED.label: anatomy.WHITE.chi,
    anatomy.CORPUS_CALLOSUM.label: anatomy.CORPUS_CALLOSUM.tissue.chi,
    **{nucleus.label: nucleus.tissue.chi for nucleus in anatomy.NUCLEI},
}
"""ppm, by label: what the thesis's phantom has not is as the tissue around it."""


@dataclass(frozen=True)
class NumericalBrain:
    """The phantom; volumes have its grid.

    Parameters
    ----------
    chi
        ppm, zero outside the mask and on average in it.
    local
        Its field, ppm.
    outside, offset
        Field of sources outside the mask, and of a mask that is 0.4 ppm stronger, ppm.
    mask
        The brain, eroded by two voxels.
    voxel_size
        mm.
    """

    chi: Volume
    local: Volume
    outside: Volume
    offset: Volume
    mask: Mask
    voxel_size: Vector


@dataclass(frozen=True)
class Row:
    """One method, or chain of two, in one experiment.

    Parameters
    ----------
    experiment, method
        Names.
    rmse
        ppm, where the method knows its result; maps without their means, which no field tells.
    slope, ssim
        As ``qsmnet_bids.metrics`` has them.
    covered
        Part of the mask in which the result is known.
    """

    experiment: str
    method: str
    rmse: float
    slope: float
    ssim: float
    covered: float


def numerical_brain(seed: int = 0, voxel_mm: float = VOXEL_MM) -> NumericalBrain:
    """Make the phantom.

    Parameters
    ----------
    seed
        Of the head and of the sources outside.
    voxel_mm
        Side of the cubic voxels.
    """
    head = brain_phantom(voxel_size=(voxel_mm, voxel_mm, voxel_mm), seed=seed)
    table = torch.zeros(max(VALUES) + 1)
    for label, value in VALUES.items():
        table[label] = value
    room = round(ROOM_MM / voxel_mm)
    inside = torch.nn.functional.pad(head.labels[bounding_box(head.mask)], (room,) * 6)
    mask = peeled(inside > 0, ERODED)
    chi = table[inside.long()]
    chi = torch.where(mask, chi - chi[mask].mean(), 0)
    sources = _sources(tuple(chi.shape), seed) * ~mask
    size = (voxel_mm, voxel_mm, voxel_mm)

    def field(volume: Tensor) -> Volume:
        longest = voxel_mm * max(volume.shape)
        found = forward_field(volume, voxel_size=size, b0_dir=B0_DIR, margin_mm=longest)
        return torch.where(mask, found, 0)

    offset = field(OFFSET_PPM * mask.float())
    return NumericalBrain(chi, field(chi), field(sources), offset, mask, size)


def compare(methods: Sequence[str], *, seed: int = 0, voxel_mm: float = VOXEL_MM) -> Iterator[Row]:
    """Measure methods in all experiments that they are for.

    Parameters
    ----------
    methods
        Names of background removals or inversions of the app, or of one of each with a plus
        between them.
    seed, voxel_mm
        Of the phantom.

    Raises
    ------
    ValueError
        If there is no method of that name.
    """
    for name in methods:
        _check(name)
    brain = numerical_brain(seed, voxel_mm)
    totals = {
        'sources outside': brain.local + brain.outside,
        'sources outside and offset': brain.local + brain.outside + brain.offset,
    }
    for name in methods:
        if name in INVERSIONS and not is_one_step(name):
            chi = INVERSIONS[name](_local(brain))
            yield _row('dipole inversion', name, chi, brain)
            continue
        for label, field in totals.items():
            total = _total(brain, field)
            if name in BACKGROUNDS:
                yield _row(f'background removal, {label}', name, BACKGROUNDS[name](total), brain)
                continue
            first, _, second = name.rpartition('+')
            local = BACKGROUNDS[first or 'lbv'](total)
            if is_one_step(second):  # what was removed of the field is put back
                local = dataclasses.replace(local, mask=brain.mask)
            yield _row(f'both, {label}', name, INVERSIONS[second](local), brain)


def _check(name: str) -> None:
    first, plus, second = name.rpartition('+')
    known = first in BACKGROUNDS and second in INVERSIONS if plus else None
    if not (known or name in BACKGROUNDS or name in INVERSIONS):
        raise ValueError(
            f'{name} is none of the background removals {sorted(BACKGROUNDS)}, of the inversions '
            f'{sorted(INVERSIONS)}, or one of each with a plus between them'
        )


def _sources(shape: tuple[int, ...], seed: int) -> Tensor:
    """Draw spheres of 3 to 15 ppm and a radius of an eighth of the side, as section 3.5.4 has."""
    rng, outside = np.random.default_rng([seed, 1]), ORIGINS['stronger']
    n = outside.n_sources
    radius = rng.uniform(*outside.radii, size=(n, 1)) * max(shape) / 128
    centre = rng.uniform(0, 1, size=(n, 3)) * (np.array(shape) - 1)
    kind, extents = np.full(n, ELLIPSOID), np.repeat(radius, 3, axis=1)
    spheres = placed(rng, kind, extents, centre=centre, values=outside.values)
    x, y, z = shape
    return rasterise([spheres], (x, y, z), device=torch.device('cpu'))[0]


def _total(brain: NumericalBrain, field: Volume) -> TotalField:
    silent = torch.zeros_like(field)
    size, seen = brain.voxel_size, brain.mask.float()
    return TotalField(field, silent, brain.mask, size, B0_DIR, magnitude=seen)


def _local(brain: NumericalBrain) -> LocalField:
    silent = torch.zeros_like(brain.local)
    size, seen = brain.voxel_size, brain.mask.float()
    return LocalField(brain.local, silent, brain.mask, size, B0_DIR, magnitude=seen)


def _row(experiment: str, method: str, found: ChiMap | LocalField, brain: NumericalBrain) -> Row:
    known = found.mask & brain.mask
    if isinstance(found, ChiMap):
        volumes = [torch.where(known, v - v[known].mean(), 0) for v in (found.chi, brain.chi)]
    else:
        volumes = [torch.where(known, v, 0) for v in (found.field, brain.local)]
    estimate, truth = (volume.numpy() for volume in volumes)
    inside = known.numpy()
    slope, _ = slope_intercept(estimate, truth, inside)
    covered = float(known.sum() / brain.mask.sum())
    error, similarity = rmse(estimate, truth, inside), ssim(estimate, truth, inside)
    return Row(experiment, method, error, slope, similarity, covered)
