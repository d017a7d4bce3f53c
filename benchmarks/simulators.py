"""The phantom through another project's simulator, qsm-forward, and both through the app.

A. W. Stewart et al., qsm-forward 0.32, https://github.com/astewartau/qsm-forward; GPL-3.0.
"""

from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
import qsm_forward
import torch

from benchmarks import app
from benchmarks.heads import B0, SEED, Case, Head, Quality, judge, simulate_head
from qsmnet_bids.bidsio.images import load_multi_echo
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.inversion import METHODS
from qsmnet_bids.phantom.brain import BrainPhantom, brain_phantom
from qsmnet_bids.phantom.dataset import Plan, subject_seed, write_dataset
from qsmnet_bids.phantom.field import fields, outer_sources
from qsmnet_bids.phantom.signal import ECHO_TIMES, FLIP_ANGLE_DEG, repetition_time
from qsmnet_bids.vectors import Vector

PEAK_SNR = 100.0
"""Relative to the brightest voxel, which gives white matter about the noise of our own data."""


@dataclass(frozen=True)
class FieldRow:
    """How far the two simulators' fields are apart in the brain.

    Parameters
    ----------
    field
        ``total``, ``total, averaged`` or ``local``.
    rms
        Of this project's field, less the constant and linear part, ppm.
    difference
        Root mean square of the difference relative to ``rms``, percent.
    """

    field: str
    rms: float
    difference: float


@dataclass(frozen=True)
class MapRow:
    """A map that the app made of simulated data.

    Parameters
    ----------
    simulator
        Whose data.
    method
        Inversion.
    quality
        Against the susceptibility that both simulators were given.
    """

    simulator: str
    method: str
    quality: Quality


def make_phantom(voxel_size: Vector) -> BrainPhantom:
    """Build the head that both simulators are given.

    Parameters
    ----------
    voxel_size
        mm.
    """
    return brain_phantom(voxel_size=voxel_size, seed=subject_seed(SEED, 1))


def compare_fields(phantom: BrainPhantom) -> list[FieldRow]:
    """Compute total and local field by both simulators.

    ``total, averaged`` has the sources outside the brain as ours are, in place of sharp: then
    nothing differs but where the copies of the head are.

    Parameters
    ----------
    phantom
        The sources; those below the field of view count too.
    """
    ours = fields(phantom)
    grid, mask = phantom.grid, phantom.mask.numpy()
    geometry = {'voxel_size': grid.voxel_size, 'B0_dir': grid.b0_dir}
    sources = torch.cat([phantom.chi_below, phantom.chi], dim=2).numpy()
    total = qsm_forward.generate_field(sources, **geometry)[:, :, grid.n_below :]
    local = qsm_forward.generate_field((phantom.chi * phantom.mask).numpy(), **geometry)
    averaged = qsm_forward.generate_field(outer_sources(phantom).numpy(), **geometry)
    averaged = averaged[1:-1, 1:-1, grid.n_below + 1 : -1] + local
    return [
        _difference('total', ours.total.numpy(), total, mask),
        _difference('total, averaged', ours.total.numpy(), averaged, mask),
        _difference('local', ours.local.numpy(), local, mask),
    ]


def compare_maps(phantom: BrainPhantom, scratch: Path) -> list[MapRow]:
    """Reconstruct both simulators' data by the app with every inversion.

    Parameters
    ----------
    phantom
        What both simulate.
    scratch
        Folder for all that is written; must not hold an earlier run.
    """
    rows = []
    for simulator, write in (('qsmnet-bids', _write_ours), ('qsm-forward', _write_theirs)):
        folder = scratch / simulator
        write(phantom, folder)
        for method in METHODS:
            options = ('--inversion', method)
            words = app.command(folder / 'bids', folder / 'out', folder / 'work', *options)
            app.run(words, folder / f'{method}.log')
            rows.append(MapRow(simulator, method, _judge(folder / 'out', method, phantom)))
    return rows


def simulate_by_forward(case: Case) -> Head:
    """Give the same head as ``heads.simulate_head``, its fields and signal made by qsm-forward.

    Parameters
    ----------
    case
        What to simulate; qsm-forward's volumes are never oblique.
    """
    if case.oblique:
        raise ValueError(f'qsm-forward cannot tilt the volume, got {case.oblique} degrees')
    if case.b0 != B0 or case.echo_times != ECHO_TIMES:
        raise ValueError(
            f'its data are for {B0} T and {ECHO_TIMES} s, got {case.b0} and {case.echo_times}'
        )
    phantom = brain_phantom(voxel_size=case.voxel_size, seed=case.seed)
    ours = simulate_head(case)
    geometry = {'voxel_size': phantom.grid.voxel_size, 'B0_dir': phantom.grid.b0_dir}
    sources = torch.cat([phantom.chi_below, phantom.chi], dim=2).numpy()
    total = qsm_forward.generate_field(sources, **geometry)[:, :, phantom.grid.n_below :]
    total = qsm_forward.generate_shimmed_field(total, phantom.mask.numpy(), order=1)[1]
    local = qsm_forward.generate_field((phantom.chi * phantom.mask).numpy(), **geometry)
    with TemporaryDirectory(prefix='qsmnet-bids-') as folder:
        _write_theirs(phantom, Path(folder))
        bids_dir = Path(folder) / 'bids'
        (acquisition,) = check(find_runs(bids_dir), bids_dir=bids_dir).acquisitions
        echoes = load_multi_echo(
            acquisition.magnitude,
            acquisition.phase,
            echo_times=acquisition.echo_times,
            b0=acquisition.b0,
            b0_dir=acquisition.b0_dir,
            voxel_size=acquisition.voxel_size,
            phase_slope=acquisition.phase_slope,
            phase_intercept=acquisition.phase_intercept,
            phase_sign=acquisition.phase_sign,
        )
    total_field, local_field = (
        torch.from_numpy(np.ascontiguousarray(field, dtype=np.float32)) * phantom.mask
        for field in (total, local)
    )
    return replace(
        ours,
        echoes=echoes,
        total=replace(ours.total, field=total_field),
        local=replace(ours.local, field=local_field),
    )


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray, mask: np.ndarray) -> FieldRow:
    # neither a constant nor a gradient of the field says anything of its sources
    levelled = [qsm_forward.generate_shimmed_field(f, mask, order=1)[1] for f in (ours, theirs)]
    ours, theirs = (field[mask].astype(np.float64) for field in levelled)
    rms = float(np.sqrt(np.mean(ours**2)))
    return FieldRow(name, rms, float(100 * np.sqrt(np.mean((theirs - ours) ** 2)) / rms))


def _write_ours(phantom: BrainPhantom, folder: Path) -> None:
    plan = Plan(b0=B0, voxel_size=phantom.grid.voxel_size, seed=SEED)
    for _ in write_dataset(folder / 'bids', plan):
        pass


def _write_theirs(phantom: BrainPhantom, folder: Path) -> None:
    maps = {
        'chi': phantom.chi,
        'M0': phantom.proton_density,
        'R1': 1 / phantom.t1,
        'R2star': phantom.r2star,
        'mask': phantom.mask.float(),
    }
    paths = {}
    (folder / 'maps').mkdir(parents=True)
    for name, volume in maps.items():
        paths[name] = str(folder / 'maps' / f'{name}.nii')
        nib.Nifti1Image(volume.numpy(), phantom.grid.affine).to_filename(paths[name])
    with (folder / 'simulator.log').open('w') as log, redirect_stdout(log):
        qsm_forward.generate_bids(
            qsm_forward.TissueParams(root_dir='', seg=paths['mask'], **paths),
            qsm_forward.ReconParams(
                subject='01',
                TR=repetition_time(ECHO_TIMES),
                TEs=np.array(ECHO_TIMES),
                flip_angle=FLIP_ANGLE_DEG,
                B0=B0,
                voxel_size=np.array(phantom.grid.voxel_size),
                peak_snr=PEAK_SNR,
                random_seed=SEED,
            ),
            str(folder / 'bids'),
        )


def _judge(output_dir: Path, method: str, phantom: BrainPhantom) -> Quality:
    (chi,) = output_dir.glob(f'sub-*/anat/*_desc-{method}_Chimap.nii.gz')
    array = np.asarray(nib.Nifti1Image.from_filename(chi).dataobj, dtype=np.float32)
    return judge(array, array != 0, phantom.chi.numpy(), phantom.mask.numpy())
