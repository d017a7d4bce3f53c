"""The simulated heads on which everything is measured, and how near a map comes to their truth."""

from dataclasses import dataclass

import numpy as np

from qsmnet_bids import metrics
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import ECHO_TIMES, simulate
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, MultiEcho, Volume
from qsmnet_bids.vectors import Vector

B0 = 3.0
SEED = 1


@dataclass(frozen=True)
class Case:
    """An acquisition to simulate.

    Parameters
    ----------
    name
        In the tables.
    voxel_size
        mm.
    oblique
        Tilt of the slices, degrees.
    """

    name: str
    voxel_size: Vector
    oblique: float


CASES = (
    Case('axial', (1.0, 1.0, 1.0), 0.0),
    Case('oblique', (1.0, 1.0, 1.0), 30.0),
    Case('anisotropic', (0.8, 0.8, 2.0), 0.0),
)


@dataclass(frozen=True)
class Head:
    """A simulated acquisition with its truth.

    Parameters
    ----------
    echoes
        As the scanner gives them.
    local
        True local field, free of noise.
    chi
        True susceptibility, ppm.
    mask
        The brain.
    """

    echoes: MultiEcho
    local: LocalField
    chi: Volume
    mask: Mask


def simulate_head(case: Case) -> Head:
    """Simulate one acquisition.

    Parameters
    ----------
    case
        What to simulate.
    """
    phantom = brain_phantom(voxel_size=case.voxel_size, oblique=case.oblique, seed=SEED)
    simulation = simulate(phantom, echo_times=ECHO_TIMES, b0=B0, seed=SEED)
    field = simulation.fields.local
    grid = phantom.grid
    local = LocalField(
        field=field,
        noise=field.new_zeros(field.shape),
        mask=phantom.mask,
        voxel_size=grid.voxel_size,
        b0_dir=grid.b0_dir,
        magnitude=simulation.echoes.magnitude.square().sum(0).sqrt(),
        r2star=phantom.r2star,
    )
    return Head(simulation.echoes, local, phantom.chi, phantom.mask)


@dataclass(frozen=True)
class Quality:
    """How near a map comes to the truth; see ``qsmnet_bids.metrics``.

    Parameters
    ----------
    nrmse, nrmse_detrended, hfen
        Percent, where both the map and the truth are known.
    correlation, slope, xsim
        There too.
    covered
        Part of the brain in which the map is known.
    nrmse_brain
        Percent, in the whole brain, with the map zero where it is not known.
    """

    nrmse: float
    nrmse_detrended: float
    hfen: float
    correlation: float
    slope: float
    xsim: float
    covered: float
    nrmse_brain: float


def judge(chi: np.ndarray, known: np.ndarray, truth: np.ndarray, brain: np.ndarray) -> Quality:
    """Compare a map with the truth.

    Parameters
    ----------
    chi
        The map, ppm.
    known
        Its mask.
    truth
        ppm.
    brain
        Mask of the truth.
    """
    both = known & brain
    # masked, or HFEN would see little but the edge between brain and air, which no map has
    chi, truth_there = (np.where(both, v, 0).astype(np.float32) for v in (chi, truth))
    scores = metrics.score(chi, truth_there, both)
    return Quality(
        nrmse=scores.nrmse,
        nrmse_detrended=scores.nrmse_detrended,
        hfen=scores.hfen,
        correlation=scores.correlation,
        slope=scores.slope,
        xsim=scores.xsim,
        covered=float(both.sum() / brain.sum()),
        nrmse_brain=metrics.nrmse(chi, truth, brain),
    )


def judge_map(estimate: ChiMap, head: Head) -> Quality:
    """Compare a reconstruction with the truth of its head.

    Parameters
    ----------
    estimate
        Reconstruction on the head's grid.
    head
        The truth.
    """
    return judge(estimate.chi.numpy(), estimate.mask.numpy(), head.chi.numpy(), head.mask.numpy())
