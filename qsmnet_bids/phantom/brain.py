"""A head with a brain whose susceptibility is known everywhere."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import ndimage
from torch import Tensor

from qsmnet_bids.phantom import anatomy
from qsmnet_bids.phantom.anatomy import Structure, Tissue
from qsmnet_bids.phantom.canvas import Canvas, blank_canvas, properties_of
from qsmnet_bids.phantom.grid import Grid, make_grid, random_pose
from qsmnet_bids.phantom.head import paint_head
from qsmnet_bids.phantom.shapes import Positions, soft_step
from qsmnet_bids.phantom.template import Lattice, distance_from_brain, load_tissue
from qsmnet_bids.phantom.veins import small_veins
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector

TISSUE_TEXTURE_PPM = 0.007
NUCLEUS_TEXTURE = 0.12
"""Standard deviation of susceptibility within a tissue (ppm) and within a nucleus (relative)."""
CHI_SPREAD = 0.12
R2STAR_SPREAD = 0.06
"""Relative standard deviations between subjects."""
VEINS_END_MM = 2.5
"""Outside the brain's surface."""
BRAIN_BOX = ((-75.0, -111.0, -70.0), (75.0, 77.0, 86.0))
"""Two corners of a box around the template's brain, mm."""
NOISE_LATTICE_MM = ((-104.0, -140.0, -80.0), (3.0, 3.0, 3.0))
"""Origin and spacing of the random part of the texture, whatever the voxel size."""


@dataclass(frozen=True)
class BrainPhantom:
    """A head on an acquisition grid.

    Parameters
    ----------
    chi
        Susceptibility of everything in the field of view relative to water, ppm.
    chi_below
        The same in the slices below the field of view, lowest first, ppm: sources of the field
        that are not imaged.
    proton_density
        Relative to water.
    r2star
        At 3 T, 1/s.
    t1
        s.
    mask
        The brain.
    labels
        Segmentation of the brain, as ``anatomy.LABELS`` has it.
    grid
        Voxel size, affine and direction of B0.
    """

    chi: Volume
    chi_below: Float[Tensor, 'x y below']
    proton_density: Volume
    r2star: Volume
    t1: Volume
    mask: Mask
    labels: Int[Tensor, 'x y z']
    grid: Grid


def brain_phantom(
    *,
    voxel_size: Vector = (1.0, 1.0, 1.0),
    oblique: float = 0.0,
    seed: int = 0,
    session: int = 0,
    lesion_ppm: float | None = None,
) -> BrainPhantom:
    """Build the head of one subject in one session.

    Parameters
    ----------
    voxel_size
        mm.
    oblique
        Tilt of head and grid about the left-right axis, degrees.
    seed
        Decides the subject: size and form of the head, susceptibilities, small veins, texture.
        Voxel size and tilt leave all of these as they are.
    session
        Decides where in the field of view the head lies.
    lesion_ppm
        Susceptibility of the haemorrhage, and minus that of the calcification; None for some
        0.8 ppm, as the seed decides.
    """
    form = np.random.default_rng([seed, 0])
    pose = random_pose(form, np.random.default_rng([seed, 1, session]))
    grid = make_grid(voxel_size, oblique)
    canvas = blank_canvas(grid, pose, anatomy.AIR)
    tissue = load_tissue(voxel_size)
    distance = distance_from_brain(tissue).sample(canvas.positions, beyond='border')[0]
    paint_head(canvas, distance)
    window, part = canvas.window(BRAIN_BOX), canvas.part_of(BRAIN_BOX)
    labels = torch.zeros(distance.shape, dtype=torch.int16)
    labels[part] = _paint_brain(window, tissue, distance[part], form, lesion_ppm)
    above, below = slice(grid.n_below, None), slice(grid.n_below)
    chi, proton_density, r2star, t1 = (volume[:, :, above].clone() for volume in canvas.maps)
    chi_below = canvas.maps[0][:, :, below].clone()
    labels = labels[:, :, above].clone()
    return BrainPhantom(chi, chi_below, proton_density, r2star, t1, labels > 0, labels, grid)


@dataclass(frozen=True)
class _Brain:
    """What fills each voxel of the brain's window.

    ``inside`` is the fraction that is brain, the others are fractions of that;
    ``texture`` has mean 0 and standard deviation 1.
    """

    inside: Volume
    fluid: Volume
    grey: Volume
    white: Volume
    texture: Volume


def _paint_brain(
    window: Canvas,
    tissue: Lattice,
    distance: Volume,
    form: np.random.Generator,
    lesion_ppm: float | None,
) -> Int[Tensor, 'x y z']:
    """Paint the brain and return its segmentation."""
    brain = _brain(window.positions, tissue, form)
    # no skull or air within voxels that the mask counts as brain
    window.paint((2 * brain.inside).clamp(max=1), anatomy.CSF)
    tissues = [_varied(t, form) for t in (anatomy.CSF, anatomy.GREY, anatomy.WHITE)]
    properties = brain.fluid * properties_of(tissues[0])
    properties += brain.grey * properties_of(tissues[1])
    properties += brain.white * properties_of(tissues[2])
    properties[0] += TISSUE_TEXTURE_PPM * brain.texture * (1 - brain.fluid)
    window.blend(brain.inside, properties)
    labels = _tissue_labels(brain)
    for structure in (anatomy.CORPUS_CALLOSUM, *anatomy.NUCLEI):
        _paint_nucleus(window, structure, brain, labels, form)
    veins = window.cover((*anatomy.VEINS, *small_veins(form)))
    veins *= soft_step(VEINS_END_MM - distance, edge=window.edge)
    window.paint(veins, _varied(anatomy.BLOOD, form))
    labels[(veins > 0.5) & (labels > 0)] = anatomy.BLOOD_LABEL
    for structure in (anatomy.CALCIFICATION, anatomy.BLEED):
        fraction = window.cover(structure.shapes)
        tissue_there = _varied(structure.tissue, form)
        if lesion_ppm is not None:
            sign = 1 if structure.tissue.chi > 0 else -1
            tissue_there = replace(tissue_there, chi=sign * lesion_ppm)
        window.paint(fraction, tissue_there)
        labels[(fraction > 0.5) & (labels > 0)] = structure.label
    return labels


def _brain(positions: Positions, tissue: Lattice, form: np.random.Generator) -> _Brain:
    """Sample the template and sharpen its probabilities, which are means over many subjects."""
    grey, white, contrast, inside = tissue.sample(positions, beyond='zeros')
    fluid = (1 - grey - white).clamp_min(0) ** 2
    grey, white = grey**2, white**2
    total = fluid + grey + white
    shares = (fluid / total, grey / total, white / total)
    noise = form.standard_normal((70, 82, 70), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, 0.8)
    lattice = Lattice(torch.from_numpy(noise / noise.std())[None], *NOISE_LATTICE_MM)
    smooth = lattice.sample(positions, beyond='zeros')[0]
    # bright in T1 means myelin, which is diamagnetic
    texture = 0.8 * smooth - 0.6 * _within_tissue(contrast, shares, inside)
    return _Brain(inside, *shares, texture * inside)


def _within_tissue(
    contrast: Volume, shares: tuple[Volume, Volume, Volume], inside: Volume
) -> Volume:
    """Reduce a contrast to its standardised variation within each tissue."""
    residual = contrast.clone()
    for share in shares:
        residual -= share * _mean(contrast, share * inside)
    spread = _mean(residual**2, inside).sqrt()
    return (residual / spread).clamp(-3, 3)


def _mean(volume: Volume, weight: Volume) -> Tensor:
    total = (volume * weight).sum(dtype=torch.float64)
    return (total / weight.sum(dtype=torch.float64)).float()


def _tissue_labels(brain: _Brain) -> Int[Tensor, 'x y z']:
    labels = torch.full(brain.inside.shape, anatomy.CSF_LABEL, dtype=torch.int16)
    labels[(brain.grey > brain.fluid) & (brain.grey >= brain.white)] = anatomy.GREY_LABEL
    labels[(brain.white > brain.fluid) & (brain.white > brain.grey)] = anatomy.WHITE_LABEL
    labels[brain.inside <= 0.5] = 0
    return labels


def _paint_nucleus(
    window: Canvas,
    structure: Structure,
    brain: _Brain,
    labels: Int[Tensor, 'x y z'],
    form: np.random.Generator,
) -> None:
    """Paint a structure and its label, both in place."""
    boxes = [shape.bounds for shape in structure.shapes]
    part, small = window.part_of(*boxes), window.window(*boxes)
    fraction = small.cover(structure.shapes) * brain.inside[part]
    if structure.within is not None:
        share = {'gm': brain.grey, 'wm': brain.white}[structure.within][part]
        fraction *= ((share - 0.25) / 0.5).clamp(0, 1)
    texture = brain.texture[part].clamp(-2, 2)
    properties = properties_of(_varied(structure.tissue, form)).repeat(1, *texture.shape)
    properties[0] *= 1 + NUCLEUS_TEXTURE * texture
    small.blend(fraction, properties)
    labels[part][(fraction > 0.5) & (labels[part] > 0)] = structure.label


def _varied(tissue: Tissue, form: np.random.Generator) -> Tissue:
    chi, r2star = 1 + np.clip(form.standard_normal(2), -2, 2) * (CHI_SPREAD, R2STAR_SPREAD)
    return replace(tissue, chi=float(tissue.chi * chi), r2star=float(tissue.r2star * r2star))
