"""The fields that a phantom's susceptibility causes in the scanner."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qsmnet_bids.phantom.anatomy import AIR
from qsmnet_bids.phantom.brain import BrainPhantom
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.tensors import Mask, Volume
from qsmnet_bids.vectors import Vector


@dataclass(frozen=True)
class Fields:
    """Fields of one phantom.

    Parameters
    ----------
    total
        Of all sources, after the shim, ppm, in the whole field of view.
    local
        Of the susceptibility inside the brain mask relative to water, ppm, zero outside.
    shim_offset
        Subtracted from the total field at the grid's centre, ppm.
    shim_gradient
        Subtracted from the total field per mm along each voxel axis, ppm/mm.
    """

    total: Volume
    local: Volume
    shim_offset: float
    shim_gradient: Vector


def fields(phantom: BrainPhantom) -> Fields:
    """Compute total and local field at true scale, free of wrap-around.

    The head stands in an endless volume of air: with susceptibility taken relative to air the
    zeros around the volume are that air.

    Parameters
    ----------
    phantom
        The sources.
    """
    voxel_size, b0_dir = phantom.grid.voxel_size, phantom.grid.b0_dir
    background = forward_field(outer_sources(phantom), voxel_size=voxel_size, b0_dir=b0_dir)
    local = forward_field(phantom.chi * phantom.mask, voxel_size=voxel_size, b0_dir=b0_dir)
    everything = background[1:-1, 1:-1, phantom.grid.n_below + 1 : -1] + local
    total, offset, gradient = _shimmed(everything, phantom.mask, voxel_size)
    return Fields(total, local * phantom.mask, offset, gradient)


def outer_sources(phantom: BrainPhantom) -> Tensor:
    """Give the susceptibility outside the brain, averaged over neighbouring voxels.

    Sampled sharply, the step from tissue to air would ring right through the brain, whereas a
    harmonic field is its own average.

    Parameters
    ----------
    phantom
        The sources.

    Returns
    -------
        ppm relative to air; with what lies below the field of view, and a voxel more at each end
        of all axes.
    """
    outside = torch.where(phantom.mask, 0, phantom.chi)
    return _averaged(torch.cat([phantom.chi_below, outside], dim=2) - AIR.chi)


def _averaged(volume: Tensor) -> Tensor:
    """Average with weights 1, 2, 1 along each axis, which takes out the highest frequency.

    The volume grows by a voxel at each end, so that the step at its faces is averaged too.
    """
    for axis in range(3):
        n = volume.shape[axis]
        pad = [0] * 6
        pad[4 - 2 * axis] = pad[5 - 2 * axis] = 2
        longer = torch.nn.functional.pad(volume, pad)
        ends = longer.narrow(axis, 0, n + 2) + longer.narrow(axis, 2, n + 2)
        volume = ends / 4 + longer.narrow(axis, 1, n + 2) / 2
    return volume


def _shimmed(field: Volume, mask: Mask, voxel_size: Vector) -> tuple[Volume, float, Vector]:
    """Subtract the constant and linear part that a fit inside the mask finds."""
    axes = [
        ((torch.arange(n) - (n - 1) / 2) * size).double()
        for n, size in zip(field.shape, voxel_size, strict=True)
    ]
    index = mask.nonzero(as_tuple=True)
    columns = [axis[i] for axis, i in zip(axes, index, strict=True)]
    design = torch.stack([torch.ones_like(columns[0]), *columns], dim=1)
    fit = torch.linalg.solve(design.T @ design, design.T @ field[mask].double())
    offset, x, y, z = fit.tolist()
    plane = (
        offset
        + x * axes[0].float()[:, None, None]
        + y * axes[1].float()[None, :, None]
        + z * axes[2].float()[None, None, :]
    )
    return field - plane, offset, (x, y, z)
