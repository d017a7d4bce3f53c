"""Fit a turning complex number to the echoes of each voxel.

T. Liu et al., Magn. Reson. Med. 69:467-476, 2013, doi:10.1002/mrm.24272.
"""

from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from qsmnet_bids.tensors import Convergence

Signal = Complex[Tensor, 'echo voxel']
Values = Float[Tensor, ' voxel']
EVEN = 1e-3
"""Gaps between echoes that differ by less than this part count as equal."""
LEAST_CURVATURE = 0.1
"""Noise is not told to be more than so many times (its inverse) that of a perfect fit."""


@dataclass(frozen=True)
class ComplexFit:
    """Offset and rate of each voxel's phase.

    Parameters
    ----------
    rate
        rad/s.
    offset
        Phase at time zero, rad, not wrapped, as a complex number whose length, divided by the
        square of the standard deviation of the signal's real part, is its inverse variance.
    sensitivity
        Standard deviation of ``rate`` is that of the signal's real part divided by this, s times
        the unit of the signal.
    residual
        Sine of the phase that is left, shape (echo, voxel).
    convergence
        With the gradient relative to the greatest possible.
    """

    rate: Values
    offset: Complex[Tensor, ' voxel']
    sensitivity: Values
    residual: Float[Tensor, 'echo voxel']
    convergence: Convergence


def growth(signal: Signal, pairs: list[tuple[int, int]]) -> Complex[Tensor, ' voxel']:
    """Sum the products of later echoes with the conjugates of earlier ones.

    Parameters
    ----------
    signal
        Any unit.
    pairs
        Earlier and later echo of each product.
    """
    total = torch.zeros_like(signal[0])
    for earlier, later in pairs:
        total += signal[later] * signal[earlier].conj()
    return total


def pairs_by_gap(times: tuple[float, ...]) -> dict[float, list[tuple[int, int]]]:
    """Group the pairs of echoes by the time between them, the shortest first.

    Parameters
    ----------
    times
        s, increasing.

    >>> pairs_by_gap((1.0, 2.0, 4.0, 5.0))
    {1.0: [(0, 1), (2, 3)], 2.0: [(1, 2)], 3.0: [(0, 2), (1, 3)], 4.0: [(0, 3)]}
    """
    groups: dict[float, list[tuple[int, int]]] = {}
    for first, second in sorted(
        combinations(range(len(times)), 2),
        key=lambda pair: (times[pair[1]] - times[pair[0]], pair),
    ):
        gap = times[second] - times[first]
        known = next((g for g in groups if gap <= g * (1 + EVEN)), gap)
        groups.setdefault(known, []).append((first, second))
    return groups


def refine(signal: Signal, times: tuple[float, ...], rate: Values) -> Values:
    """Improve a rate by ever longer gaps between echoes.

    Each gap predicts its growth of phase from the mean over the shorter ones, weighted by the
    magnitude of the growth and the square of the gap.

    Parameters
    ----------
    signal
        Any unit.
    times
        s.
    rate
        rad/s, right within half a turn over the shortest gap.
    """
    power = torch.zeros_like(rate)
    for gap, pairs in pairs_by_gap(times).items():
        grown = growth(signal, pairs)
        gain = grown.abs() * gap**2
        power += gain
        excess = (grown * torch.polar(torch.ones_like(rate), -rate * gap)).angle()
        rate = rate + excess / gap * (gain / power)
    return rate


def fit(
    signal: Signal,
    times: tuple[float, ...],
    rate: Values,
    *,
    max_iterations: int,
    tolerance: float,
) -> ComplexFit:
    """Minimise sum |S - |S| exp(i (offset + rate TE))|^2 by Gauss-Newton steps.

    Their matrix is that of a perfect fit, which no curvature exceeds, so that no step goes uphill.

    Parameters
    ----------
    signal
        S, any unit, nowhere zero.
    times
        TE, s.
    rate
        First guess, rad/s.
    max_iterations
        At most so many steps.
    tolerance
        Of the gradient, relative to the greatest that |S| allows.
    """
    weights = signal.abs().square()
    total = weights.sum(0)
    echo_times = torch.tensor(times, device=signal.device, dtype=weights.dtype).view(-1, 1)
    middle = (weights * echo_times).sum(0) / total
    centred = echo_times - middle
    power = (weights * centred.square()).sum(0)
    weighted = signal * signal.abs()
    offset = (weighted * torch.polar(torch.ones_like(centred), -rate * centred)).sum(0).angle()
    greatest = total.norm(), (weights * centred.abs()).sum(0).norm()
    n_iterations = 0
    while True:
        rest = weighted * torch.polar(torch.ones_like(centred), -(offset + rate * centred))
        gradient = rest.imag.sum(0), (rest.imag * centred).sum(0)
        relative = max(float(g.norm() / most) for g, most in zip(gradient, greatest, strict=True))
        if relative <= tolerance or n_iterations == max_iterations:
            break
        offset = offset + gradient[0] / total
        rate = rate + gradient[1] / power
        n_iterations += 1
    curvature = (rest.real * centred.square()).sum(0) / power
    sensitivity = power.sqrt() * curvature.clamp(min=LEAST_CURVATURE)
    convergence = Convergence(n_iterations, relative, relative <= tolerance)
    certainty = total * power / (power + total * middle.square())
    at_zero = torch.polar(certainty, offset - rate * middle)
    return ComplexFit(rate, at_zero, sensitivity, rest.imag / weights, convergence)
