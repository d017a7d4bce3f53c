"""Unwrap by solving Poisson's equation.

M. A. Schofield and Y. Zhu, Opt. Lett. 28:1194-1196, 2003, doi:10.1364/OL.28.001194. For a mask of
any shape the solution is refined as by D. C. Ghiglia and L. A. Romero, J. Opt. Soc. Am. A
11:107-117, 1994, doi:10.1364/JOSAA.11.000107.
"""

import math

import torch
from torch import Tensor

from qsmnet_bids.physics.box import bounding_box
from qsmnet_bids.physics.gradient import Gradient, divergence, gradient
from qsmnet_bids.solvers.cg import conjugate_gradients
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, Volume
from qsmnet_bids.unwrapping.regions import level
from qsmnet_bids.unwrapping.temporal import TURN, crop, in_space, in_time, uncrop
from qsmnet_bids.vectors import Vector

MAX_ITERATIONS = 100
TOLERANCE = 1e-3
"""Of the refinement: it may stop once all errors are far below a turn."""


def laplacian(
    echoes: MultiEcho, *, mask: Mask, exact: bool = False, follow: bool = True
) -> Echoes:
    """Find the phase whose Laplacian is that of the wrapped phase.

    The Laplacian is taken from wrapped differences between neighbours in the mask and inverted by
    cosine transforms (mirrored borders). Inside a mask that does not fill its box the result lacks
    a harmonic part, as any background field; it scales with echo time as the phase does.

    Parameters
    ----------
    echoes
        Without phase offset, if the echoes are to follow.
    mask
        Where the phase is known.
    exact
        Refine the solution with free borders around the mask and take from it only the number of
        turns, so that the result differs from the phase by multiples of 2 pi.
    follow
        Of the exact solution: unwrap only the first echo in space, and the others in time, each
        voxel to the turn that its earlier echoes predict. Otherwise each echo is unwrapped in
        space.

    Returns
    -------
        rad; the median of the first echo is in [-pi, pi], for the exact solution in each connected
        part of the mask; zero outside it.
    """
    box = bounding_box(mask)
    small, inside = crop(echoes, box), mask[box]

    def unwrap(echo: int) -> Volume:
        solve = _whole_turns if exact else _smooth
        return solve(small.phase[echo], mask=inside, voxel_size=echoes.voxel_size)

    if exact and follow:
        unwrapped = in_time(unwrap(0), small, mask=inside)
    else:
        unwrapped = in_space(small, unwrap, mask=inside)
    return uncrop(unwrapped, box, mask.shape)


def _smooth(phase: Volume, *, mask: Mask, voxel_size: Vector) -> Volume:
    """Solve with mirrored borders."""
    result = _solve(_source(phase, _inner_edges(mask), voxel_size), voxel_size)
    # the mean is free: take the phase's own
    shift = torch.exp(1j * (phase - result)[mask].double()).mean().angle()
    result = result + shift.to(result.dtype)
    turns = torch.round(torch.median(result[mask]) / TURN)
    return (result - TURN * turns) * mask


def _whole_turns(phase: Volume, *, mask: Mask, voxel_size: Vector) -> Volume:
    """Solve with free borders around the mask and round to whole turns."""
    edges = _inner_edges(mask)

    def negative_laplacian(volume: Tensor) -> Tensor:
        return divergence(gradient(volume, voxel_size).mul_(edges), voxel_size).neg_()

    smooth = conjugate_gradients(
        negative_laplacian,
        _source(phase, edges, voxel_size).neg_(),
        preconditioner=lambda residual: _solve(residual, voxel_size).neg_(),
        max_iterations=MAX_ITERATIONS,
        tolerance=TOLERANCE,
    ).value
    middle = torch.median((smooth - phase)[mask])
    smooth -= middle - TURN * torch.round(middle / TURN)
    return level((phase + TURN * torch.round((smooth - phase) / TURN)) * mask, mask=mask)


def _source(phase: Volume, edges: Gradient, voxel_size: Vector) -> Volume:
    """Take the divergence of the wrapped differences along the edges."""
    differences = gradient(phase, (1.0, 1.0, 1.0))
    differences = torch.remainder(differences + math.pi, TURN).sub_(math.pi).mul_(edges)
    for axis, size in enumerate(voxel_size):
        differences[axis] /= size
    return divergence(differences, voxel_size)


def _inner_edges(mask: Mask) -> Gradient:
    """Mark with 1 the forward edges that have both ends in the mask."""
    edges = torch.zeros((3, *mask.shape), device=mask.device)
    for axis in range(3):
        n = mask.shape[axis]
        both = mask.narrow(axis, 0, n - 1) & mask.narrow(axis, 1, n - 1)
        edges[axis].narrow(axis, 0, n - 1).copy_(both)
    return edges


def _solve(source: Volume, voxel_size: Vector) -> Volume:
    """Invert the Laplacian of a box with mirrored borders; the mean is set to zero."""
    spectrum = source
    for axis in range(3):
        spectrum = _cosine_transform(spectrum, axis)
    eigenvalues = torch.zeros_like(source)
    for axis, size in enumerate(voxel_size):
        n = source.shape[axis]
        k = torch.arange(n, device=source.device, dtype=torch.float64)
        values = (2 * torch.sin(math.pi * k / (2 * n)) / size) ** 2
        eigenvalues -= values.to(source.dtype).view([-1 if i == axis else 1 for i in range(3)])
    eigenvalues[0, 0, 0] = 1
    spectrum = spectrum / eigenvalues
    spectrum[0, 0, 0] = 0
    for axis in range(3):
        spectrum = _inverse_cosine_transform(spectrum, axis)
    return spectrum


def _cosine_transform(volume: Tensor, axis: int) -> Tensor:
    """DCT-II, unscaled, by one Fourier transform of the reordered axis."""
    n = volume.shape[axis]
    order = torch.cat([torch.arange(0, n, 2), torch.arange(1, n, 2).flip(0)]).to(volume.device)
    spectrum = torch.fft.fft(volume.index_select(axis, order), dim=axis)
    return (spectrum * _twiddle(spectrum, axis)).real


def _inverse_cosine_transform(volume: Tensor, axis: int) -> Tensor:
    n = volume.shape[axis]
    # the imaginary part of the reordered axis' spectrum is the mirrored real one
    mirrored = torch.roll(volume.flip(axis), 1, dims=axis)
    mirrored.narrow(axis, 0, 1).zero_()
    spectrum = torch.complex(volume, -mirrored)
    spectrum = spectrum * _twiddle(spectrum, axis).conj()
    ordered = torch.fft.ifft(spectrum, dim=axis).real
    order = torch.cat([torch.arange(0, n, 2), torch.arange(1, n, 2).flip(0)]).to(volume.device)
    return ordered.index_select(axis, torch.argsort(order))


def _twiddle(spectrum: Tensor, axis: int) -> Tensor:
    n = spectrum.shape[axis]
    angle = torch.arange(n, device=spectrum.device, dtype=torch.float64) * (-math.pi / (2 * n))
    factors = torch.polar(torch.ones_like(angle), angle).to(spectrum.dtype)
    return factors.view([-1 if i == axis else 1 for i in range(3)])
