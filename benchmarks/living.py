"""A head with what simulations leave out and living heads have; COSMOS is its truth.

Of the local field of the 2016 reconstruction challenge, its COSMOS map of twelve orientations
leaves about half unexplained: C. Langkammer et al., Magn. Reson. Med. 79:1661-1673, 2018,
doi:10.1002/mrm.26830. Here the fibres of white matter are magnetised more along than across, and
every orientation has white and smooth errors of its own, of which methods are told nothing. The
strengths are such that COSMOS leaves about as much.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.errors import add_error
from benchmarks.heads import Case, Head, simulate_head
from qsmnet_bids.inversion.cosmos import cosmos
from qsmnet_bids.phantom.anatomy import WHITE_LABEL
from qsmnet_bids.physics.anisotropy import fibre_tensor, spectrum_along, unit_frequencies
from qsmnet_bids.physics.dipole import forward_field, pad_to, padded_shape
from qsmnet_bids.physics.gaussian import gaussian
from qsmnet_bids.physics.units import hz_per_ppm
from qsmnet_bids.tensors import MultiEcho, Volume
from qsmnet_bids.vectors import Vector

ALONG_PPM = 0.04
"""Susceptibility of white matter along its fibres less that across."""
BUNDLE_MM = 6.0
"""Standard deviation of the Gaussian by which fibres run alike."""
EDGE_VOXELS = 0.6
"""The same of white matter's edge."""
ERRORS = (0.56, (0.0, 1.0, 3.0))
"""Over the local field's standard deviation, and the widths of its parts, voxels."""
N_ORIENTATIONS, TURN = 12, math.radians(40)
"""Of the head, and how far it is turned at most."""
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
MARGIN_MM = 40.0


def simulate_living(case: Case) -> Head:
    """Give the head of ``heads.simulate_head`` as if it were alive.

    Parameters
    ----------
    case
        What to simulate.

    Returns
    -------
        Its fields and echoes are those of one orientation; its susceptibility is what COSMOS
        makes of all of them.
    """
    head = simulate_head(case)
    tensor, units, shape = _white_matter(head, case)
    inside = head.chi * head.mask
    orientations = []
    for index, b0_dir in enumerate(_directions(head.local.b0_dir)):
        field = forward_field(inside, voxel_size=case.voxel_size, b0_dir=b0_dir)
        x, y, z = field.shape
        own = torch.fft.irfftn(spectrum_along(tensor, units, b0_dir), s=shape)[:x, :y, :z]
        local = replace(head.local, field=(field + own) * head.mask, b0_dir=b0_dir)
        orientations.append(add_error(local, *ERRORS, seed=1000 * case.seed + index))
    seen = orientations[0]
    wrong = seen.field - head.local.field
    return replace(
        head,
        echoes=_turned_on(head.echoes, wrong),
        total=replace(head.total, field=head.total.field + wrong),
        local=seen,
        chi=cosmos(orientations, weighting='none').chi,
    )


def unexplained(head: Head) -> float:
    """Give the share of the local field's rms that the head's susceptibility does not explain.

    Parameters
    ----------
    head
        Of ``simulate_living``.
    """
    local = head.local
    own = forward_field(head.chi, voxel_size=local.voxel_size, b0_dir=local.b0_dir)
    return float((local.field - own)[head.mask].std() / local.field[head.mask].std())


def _white_matter(head: Head, case: Case) -> tuple[Tensor, Tensor, tuple[int, int, int]]:
    """Give the spectra of the tensor, the frequencies' directions, and the padded grid."""
    generator = torch.Generator().manual_seed(case.seed)
    drawn = torch.randn((3, *head.chi.shape), generator=generator)
    fibres = torch.stack(
        [gaussian(one, deviation=BUNDLE_MM, voxel_size=case.voxel_size) for one in drawn]
    )
    fibres = fibres / torch.linalg.vector_norm(fibres, dim=0).clamp(min=1e-9)
    white = (head.labels == WHITE_LABEL).float()
    white = gaussian(white, deviation=EDGE_VOXELS, voxel_size=(1.0, 1.0, 1.0)) * head.mask
    elements = fibre_tensor(fibres, ALONG_PPM * white)
    x, y, z = white.shape
    shape = padded_shape((x, y, z), case.voxel_size, MARGIN_MM)
    rows = [[torch.fft.rfftn(pad_to(one, shape)) for one in row] for row in elements]
    tensor = torch.stack([torch.stack(row) for row in rows])
    return tensor, unit_frequencies(shape, case.voxel_size), shape


def _directions(b0_dir: Vector) -> list[Vector]:
    """Give B0, and directions that fill the cone around it evenly."""
    b0 = torch.tensor(b0_dir, dtype=torch.float64)
    first, second = torch.linalg.svd(b0[None])[2][1:]
    dirs = [b0_dir]
    for index in range(1, N_ORIENTATIONS):
        turn = TURN * math.sqrt(index / (N_ORIENTATIONS - 1))
        across = math.cos(GOLDEN_ANGLE * index) * first + math.sin(GOLDEN_ANGLE * index) * second
        x, y, z = (math.cos(turn) * b0 + math.sin(turn) * across).tolist()
        dirs.append((x, y, z))
    return dirs


def _turned_on(echoes: MultiEcho, wrong: Volume) -> MultiEcho:
    """Add a field to the phase of the echoes."""
    times = torch.tensor(echoes.echo_times)[:, None, None, None]
    phase = echoes.phase + 2 * math.pi * hz_per_ppm(echoes.b0) * times * wrong
    return replace(echoes, phase=torch.atan2(phase.sin(), phase.cos()))
