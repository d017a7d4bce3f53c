"""A head whose voxels average what is finer than they are, as a scanner's do.

A field that is computed on the grid of the map is one that a map explains exactly. A voxel of a
scanner averages the signal of all that is in it: the field within it is not that of its mean
susceptibility, and where it varies strongly, at veins and bleeds, not even its own mean. The
simulated data of the 2019 reconstruction challenge are averaged as well: J. P. Marques et al.,
Magn. Reson. Med. 86:526-542, 2021, doi:10.1002/mrm.28716.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.heads import B0, Case, Head
from qsmnet_bids.phantom.averaging import averaged_field, block_mean
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import NOISE, simulate
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import LocalField, TotalField

FINER = 2
"""Sides of the simulation's voxels in one of the head's."""


def simulate_averaged(case: Case) -> Head:
    """Simulate a head with voxels half as long, and average them as its signal is averaged.

    Parameters
    ----------
    case
        What to simulate.

    Returns
    -------
        Its local field is the phase of the mean signal at the mean echo time, free of noise, over
        that time; to the total field the mean background is added; its susceptibility is the
        mean. All in ppm.
    """
    x, y, z = (size / FINER for size in case.voxel_size)
    phantom = brain_phantom(
        voxel_size=(x, y, z), oblique=case.oblique, seed=case.seed, lesion_ppm=case.lesion_ppm
    )
    noise = NOISE * FINER**1.5
    fine = simulate(phantom, echo_times=case.echo_times, b0=case.b0, noise=noise, seed=case.seed)
    echoes = fine.echoes
    real, imaginary = (
        block_mean(echoes.magnitude * part, FINER)
        for part in (echoes.phase.cos(), echoes.phase.sin())
    )
    magnitude = torch.hypot(real, imaginary)
    mask = block_mean(phantom.mask.float(), FINER) == 1
    echo_time = math.fsum(case.echo_times) / len(case.echo_times)
    r2star = phantom.r2star * (case.b0 / B0)
    weight = phantom.proton_density * (-echo_time * r2star).exp()
    turns = 2 * math.pi * hz_per_ppm(case.b0) * echo_time
    local = averaged_field(fine.fields.local, weight, turns, FINER) * mask
    background = block_mean(fine.fields.total - fine.fields.local, FINER)
    known = {
        'noise': torch.zeros_like(local),
        'mask': mask,
        'voxel_size': case.voxel_size,
        'b0_dir': echoes.b0_dir,
        'magnitude': torch.linalg.vector_norm(magnitude, dim=0),
        'r2star': block_mean(r2star, FINER),
    }
    return Head(
        echoes=replace(
            echoes,
            magnitude=magnitude,
            phase=torch.atan2(imaginary, real),
            voxel_size=case.voxel_size,
        ),
        total=TotalField(field=(background + local) * mask, **known),
        local=LocalField(field=local, **known),
        chi=block_mean(phantom.chi, FINER),
        mask=mask,
        labels=_most_common(phantom.labels),
    )


def _most_common(labels: Tensor) -> Tensor:
    x, y, z = (n // FINER for n in labels.shape)
    whole = labels[: FINER * x, : FINER * y, : FINER * z]
    cubes = whole.reshape(x, FINER, y, FINER, z, FINER).permute(0, 2, 4, 1, 3, 5)
    return cubes.reshape(x, y, z, FINER**3).mode(dim=-1).values
