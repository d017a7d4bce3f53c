"""Remove the phase that is there at echo time zero (MCPC-3D-S, for coil-combined phase).

K. Eckstein et al., Magn. Reson. Med. 79:2996-3006, 2018, doi:10.1002/mrm.26963.
"""

import dataclasses
import math

import torch
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.dipole import pad_to, padded_shape
from qsmnet_bids.tensors import Mask, MultiEcho
from qsmnet_bids.unwrapping.best_path import best_path
from qsmnet_bids.vectors import Vector


def mcpc3ds(echoes: MultiEcho, *, mask: Mask, smoothing: float = 6.0) -> MultiEcho:
    """Subtract the phase offset that the first two echoes show.

    The phase of S2 conj(S1) grows by the field alone; unwrapped and scaled by TE1 / (TE2 - TE1) it
    gives the phase of the first echo without offset. What the first echo has beyond that is the
    offset, smoothed as a complex number with the weight |S1| |S2|.

    Parameters
    ----------
    echoes
        One echo shows no offset and is returned as it is.
    mask
        Where the phase is known; elsewhere it stays as it is.
    smoothing
        Standard deviation of the Gaussian, mm.

    Returns
    -------
        Same magnitude, phase in [-pi, pi] without offset.
    """
    if smoothing < 0:
        raise ValueError(f'smoothing must be at least 0, got {smoothing}')
    if len(echoes.echo_times) < 2:
        return echoes
    box = bounding_box(mask)
    inside = mask[box]
    first, second = echoes.phase[0][box], echoes.phase[1][box]
    weight = echoes.magnitude[0][box] * echoes.magnitude[1][box] * inside
    te1, te2 = echoes.echo_times[:2]
    pair = dataclasses.replace(
        echoes,
        magnitude=weight[None],
        phase=_wrap(second - first)[None],
        echo_times=(te2 - te1,),
    )
    growth = best_path(pair, mask=inside)[0]
    offset = first - growth * (te1 / (te2 - te1))
    # the weights' unit must not decide whether float32 holds them
    weight = weight / weight.max().clamp(min=torch.finfo(weight.dtype).tiny)
    smooth = _smooth(torch.polar(weight, offset), smoothing, echoes.voxel_size).angle() * inside
    phase = echoes.phase.clone()
    for echo in phase:
        echo[box] = torch.where(inside, _wrap(echo[box] - smooth), echo[box])
    return dataclasses.replace(echoes, phase=phase)


def _smooth(volume: Tensor, deviation: float, voxel_size: Vector) -> Tensor:
    """Convolve a complex volume with a Gaussian, zero beyond its borders."""
    shape = volume.shape
    padded = padded_shape((shape[0], shape[1], shape[2]), voxel_size, 3 * deviation)
    spectrum = torch.fft.fftn(pad_to(volume, padded))
    for axis, size in enumerate(voxel_size):
        k = torch.fft.fftfreq(padded[axis], size, device=volume.device)
        gaussian = torch.exp(-2 * (math.pi * deviation * k) ** 2)
        spectrum *= gaussian.view([-1 if i == axis else 1 for i in range(3)])
    return torch.fft.ifftn(spectrum)[: shape[0], : shape[1], : shape[2]]


def _wrap(phase: Tensor) -> Tensor:
    return torch.remainder(phase + math.pi, 2 * math.pi).sub_(math.pi)
