"""A small simulated run on disk: two spheres in an ellipsoid, below a source outside it."""

from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.bidsio.names import join_name
from qsmnet_bids.physics.dipole import forward_field
from qsmnet_bids.physics.units import hz_per_ppm

ECHO_TIMES = (0.005, 0.012, 0.019)
VOXEL_SIZE = (2.0, 2.0, 2.5)
B0 = 3.0
B0_DIR = (0.0, 0.0, 1.0)


def write_acquisition(
    bids_dir: Path, *, subject: str = '01', size: int = 28, n_echoes: int = 3, seed: int = 0
) -> Acquisition:
    """Simulate a run, write its images and give what preflight would say of it."""
    shape = (size, size + 4, size - 4)
    x, y, z = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing='ij')
    brain = x**2 + y**2 + z**2 < 0.7
    chi = 0.1 * (((x - 0.3) ** 2 + y**2 + z**2) < 0.03) - 0.1 * (
        (x + 0.3) ** 2 + y**2 + z**2 < 0.03
    )
    outside = 9.0 * (x**2 + y**2 + (z - 1) ** 2 < 0.02)
    field = forward_field((chi + outside).float(), voxel_size=VOXEL_SIZE, b0_dir=B0_DIR)
    noise = torch.Generator().manual_seed(seed)
    entities = {'sub': subject}
    folder = bids_dir / f'sub-{subject}' / 'anat'
    folder.mkdir(parents=True)
    files = {'mag': [], 'phase': []}
    for number, echo_time in enumerate(ECHO_TIMES[:n_echoes], 1):
        turn = 2 * torch.pi * hz_per_ppm(B0) * field * echo_time + 0.4 * x
        signal = torch.polar((brain * 100.0 + 1.0) * np.exp(-echo_time * 20), turn)
        signal = signal + torch.complex(
            torch.randn(shape, generator=noise), torch.randn(shape, generator=noise)
        )
        for part, volume in (('mag', signal.abs()), ('phase', signal.angle())):
            path = folder / f'{join_name(entities)}_echo-{number}_part-{part}_MEGRE.nii.gz'
            image = nib.Nifti1Image(volume.numpy(), np.diag([*VOXEL_SIZE, 1.0]))
            nib.save(image, path)
            files[part].append(path)
    return Acquisition(
        entities=entities,
        suffix='MEGRE',
        magnitude=tuple(files['mag']),
        phase=tuple(files['phase']),
        echo_times=ECHO_TIMES[:n_echoes],
        b0=B0,
        b0_dir=B0_DIR,
        voxel_size=VOXEL_SIZE,
        shape=shape,
        phase_convention='radian',
        phase_slope=1.0,
        phase_intercept=0.0,
        phase_sign=1,
    )
