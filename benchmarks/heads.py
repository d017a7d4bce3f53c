"""The simulated heads on which everything is measured, and how near a map comes to their truth."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsmnet_bids import metrics
from qsmnet_bids.phantom.anatomy import BLOOD_LABEL, GREY_LABEL, NUCLEI, WHITE_LABEL
from qsmnet_bids.phantom.brain import brain_phantom
from qsmnet_bids.phantom.signal import ECHO_TIMES, simulate
from qsmnet_bids.tensors import ChiMap, LocalField, Mask, MultiEcho, TotalField, Volume
from qsmnet_bids.vectors import Vector

B0 = 3.0
SEED = 1
NUCLEUS_LABELS = tuple(nucleus.label for nucleus in NUCLEI)


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
    seed
        Of head and noise.
    b0
        T.
    echo_times
        s.
    lesion_ppm
        Susceptibility of the haemorrhage, and minus that of the calcification; None for the
        seed's own.
    """

    name: str
    voxel_size: Vector
    oblique: float
    seed: int = SEED
    b0: float = B0
    echo_times: tuple[float, ...] = ECHO_TIMES
    lesion_ppm: float | None = None


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
    total, local
        True fields, free of noise.
    chi
        True susceptibility, ppm.
    mask
        The brain.
    labels
        Its segmentation, as ``anatomy.LABELS`` has it.
    """

    echoes: MultiEcho
    total: TotalField
    local: LocalField
    chi: Volume
    mask: Mask
    labels: Tensor


def simulate_head(case: Case) -> Head:
    """Simulate one acquisition.

    Parameters
    ----------
    case
        What to simulate.
    """
    phantom = brain_phantom(
        voxel_size=case.voxel_size,
        oblique=case.oblique,
        seed=case.seed,
        lesion_ppm=case.lesion_ppm,
    )
    simulation = simulate(phantom, echo_times=case.echo_times, b0=case.b0, seed=case.seed)
    known = {
        'noise': phantom.chi.new_zeros(phantom.chi.shape),
        'mask': phantom.mask,
        'voxel_size': phantom.grid.voxel_size,
        'b0_dir': phantom.grid.b0_dir,
        'magnitude': torch.linalg.vector_norm(simulation.echoes.magnitude, dim=0),
        'r2star': phantom.r2star * (case.b0 / B0),
    }
    return Head(
        echoes=simulation.echoes,
        total=TotalField(field=simulation.fields.total * phantom.mask, **known),
        local=LocalField(field=simulation.fields.local, **known),
        chi=phantom.chi,
        mask=phantom.mask,
        labels=phantom.labels,
    )


@dataclass(frozen=True)
class Quality:
    """How near a map comes to the truth; see ``qsmnet_bids.metrics``.

    Parameters
    ----------
    nrmse, nrmse_detrended, hfen
        Percent, where both the map and the truth are known.
    correlation, slope, xsim, ssim
        There too.
    nrmse_tissue, nrmse_dgm, nrmse_blood
        Percent, detrended, there too, in grey and white matter, deep grey nuclei and veins; nan
        without a segmentation.
    dgm_linearity
        How far the nuclei's means are from growing as the truth's do; nan without a segmentation.
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
    ssim: float
    nrmse_tissue: float
    nrmse_dgm: float
    nrmse_blood: float
    dgm_linearity: float
    covered: float
    nrmse_brain: float


def judge(
    chi: np.ndarray,
    known: np.ndarray,
    truth: np.ndarray,
    brain: np.ndarray,
    labels: np.ndarray | None = None,
) -> Quality:
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
    labels
        Segmentation of the brain.
    """
    both = known & brain
    # masked, or HFEN would see little but the edge between brain and air, which no map has
    chi, truth_there = (np.where(both, v, 0).astype(np.float32) for v in (chi, truth))
    scores = metrics.score(chi, truth_there, both)
    regions = _Regions(chi, truth_there, both, np.zeros_like(both) if labels is None else labels)
    return Quality(
        nrmse=scores.nrmse,
        nrmse_detrended=scores.nrmse_detrended,
        hfen=scores.hfen,
        correlation=scores.correlation,
        slope=scores.slope,
        xsim=scores.xsim,
        ssim=scores.ssim,
        nrmse_tissue=regions.nrmse(GREY_LABEL, WHITE_LABEL),
        nrmse_dgm=regions.nrmse(*NUCLEUS_LABELS),
        nrmse_blood=regions.nrmse(BLOOD_LABEL),
        dgm_linearity=regions.linearity(*NUCLEUS_LABELS),
        covered=float(both.sum() / brain.sum()),
        nrmse_brain=metrics.nrmse(chi, truth, brain),
    )


@dataclass(frozen=True)
class _Regions:
    chi: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    labels: np.ndarray

    def nrmse(self, *labels: int) -> float:
        region = np.isin(self.labels, labels)
        return metrics.nrmse_region(self.chi, self.truth, self.mask, region)

    def linearity(self, *labels: int) -> float:
        regions = [(self.labels == label) & self.mask for label in labels]
        present = [region for region in regions if region.any()]
        return metrics.linearity(self.chi, self.truth, present) if len(present) > 1 else math.nan


def judge_map(estimate: ChiMap, head: Head) -> Quality:
    """Compare a reconstruction with the truth of its head.

    Parameters
    ----------
    estimate
        Reconstruction on the head's grid.
    head
        The truth.
    """
    volumes = (estimate.chi, estimate.mask, head.chi, head.mask, head.labels)
    return judge(*(volume.numpy() for volume in volumes))
