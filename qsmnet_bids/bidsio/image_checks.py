"""What can be wrong with the images of a run. Each check lists the problems, if any."""

from collections.abc import Sequence

import numpy as np

from qsmnet_bids.bidsio.scan import Scan
from qsmnet_bids.errors import Problem
from qsmnet_bids.physics.orientation import voxel_size_from_affine

MIN_SLICES = 16
MAX_ANISOTROPY = 4.0
VOXEL_SIZES = (0.01, 20.0)
"""mm, of acquisitions of a head or of a piece of tissue."""
MAGNITUDES = (1e-12, 1e12)
"""Bounds of the greatest value, so that its square is a number in single precision."""


def check_grid(scans: Sequence[Scan], subject: str) -> list[Problem]:
    """Compare shape and affine of all images to the first, and judge the first.

    Parameters
    ----------
    scans
        Of one run.
    subject
        Its label.
    """
    first = scans[0]
    problems = _check_first_grid(first, subject)
    for scan in scans[1:]:
        if scan.shape != first.shape:
            found = f'{scan.shape}, but {first.shape} in {first.path.name}'
            remedy = 'give all echoes, magnitude and phase, on one grid'
            problems.append(Problem(str(scan.path), 'shape', found, remedy, subject))
        elif not np.allclose(scan.affine, first.affine, rtol=1e-4, atol=1e-3):
            difference = np.abs(scan.affine - first.affine).max()
            found = f'differs by up to {difference:.4g} mm from that of {first.path.name}'
            remedy = 'convert all echoes anew, or copy the right affine'
            problems.append(Problem(str(scan.path), 'affine', found, remedy, subject))
    return problems


def _check_first_grid(scan: Scan, subject: str) -> list[Problem]:
    file, axes = str(scan.path), scan.affine[:3, :3]
    if not np.isfinite(scan.affine).all() or abs(np.linalg.det(axes)) < 1e-9:
        found = f'has no volume: {axes.tolist()}'
        return [Problem(file, 'affine', found, 'convert the image anew', subject)]
    problems = []
    if min(scan.shape) < MIN_SLICES:
        found = f'{scan.shape}, a slab of {min(scan.shape)} slices'
        remedy = f'the dipole field needs a volume: at least {MIN_SLICES} voxels along each axis'
        problems.append(Problem(file, 'shape', found, remedy, subject))
    voxel_size = voxel_size_from_affine(scan.affine)
    lowest, highest = VOXEL_SIZES
    if not lowest <= min(voxel_size) <= max(voxel_size) <= highest:
        found = ' x '.join(f'{size:.3g}' for size in voxel_size) + ' mm'
        remedy = f'convert the image anew: an edge is {lowest:g} to {highest:g} mm'
        return [*problems, Problem(file, 'voxel size', found, remedy, subject)]
    ratio = max(voxel_size) / min(voxel_size)
    if ratio > MAX_ANISOTROPY * 1.001:
        sizes = ' x '.join(f'{size:.3g}' for size in voxel_size)
        found = f'{sizes} mm, 1:{ratio:.1f}'
        remedy = f'acquire or resample to at most 1:{MAX_ANISOTROPY:.0f}'
        problems.append(Problem(file, 'voxel size', found, remedy, subject))
    return problems


def check_values(magnitude: Sequence[Scan], phase: Sequence[Scan], subject: str) -> list[Problem]:
    """Look for values that no scanner gives.

    Parameters
    ----------
    magnitude, phase
        Of one run.
    subject
        Its label.
    """
    problems = []
    for scan in (*magnitude, *phase):
        file = str(scan.path)
        if scan.n_non_finite:
            found = f'{scan.n_non_finite} of {np.prod(scan.shape)} voxels are NaN or infinite'
            remedy = 'convert the image anew, or set these voxels to 0'
            problems.append(Problem(file, 'data', found, remedy, subject))
        elif scan.low == scan.high:
            found = f'all voxels are {scan.low:g}'
            problems.append(Problem(file, 'data', found, 'convert the image anew', subject))
    for scan in magnitude:
        if scan.low < 0:
            found = f'magnitude down to {scan.low:.4g}'
            remedy = 'give the magnitude: it cannot be negative (is it a real part or a phase?)'
            problems.append(Problem(str(scan.path), 'data', found, remedy, subject))
        elif scan.high and not MAGNITUDES[0] <= scan.high <= MAGNITUDES[1]:
            found = f'magnitude up to {scan.high:.4g}'
            remedy = 'convert the image anew, or rescale it'
            problems.append(Problem(str(scan.path), 'data', found, remedy, subject))
    return problems


def check_mask(mask: Scan, image: Scan, subject: str) -> list[Problem]:
    """Judge a provided mask.

    Parameters
    ----------
    mask
        The mask.
    image
        An image of the run.
    subject
        Its label.
    """
    problems = check_grid([image, mask], subject)
    if mask.n_non_finite or mask.low < 0 or not 0.5 < mask.high <= 1:
        found = f'values from {mask.low:g} to {mask.high:g}'
        remedy = 'give a mask that is 1 in the brain and 0 elsewhere'
        problems.append(Problem(str(mask.path), 'data', found, remedy, subject))
    return problems
