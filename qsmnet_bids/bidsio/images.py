"""Images to tensors and back. The only module of ``bidsio`` that knows torch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from qsmnet_bids.bidsio.nifti import read_image, write_image
from qsmnet_bids.tensors import Echoes, Mask, MultiEcho, Volume
from qsmnet_bids.vectors import Vector


def load_multi_echo(  # noqa: PLR0913 -- files, physics and scaling, and no record of files below here
    magnitude_files: Sequence[Path],
    phase_files: Sequence[Path],
    *,
    echo_times: Sequence[float],
    b0: float,
    b0_dir: Vector,
    voxel_size: Vector,
    phase_slope: float,
    phase_intercept: float,
    phase_sign: int,
) -> MultiEcho:
    """Load an acquisition, with its phase in rad and of the sign that the stages expect.

    rad = sign * (slope * value + intercept), with the file's own scaling applied before.

    Parameters
    ----------
    magnitude_files, phase_files
        One 3D image per echo.
    echo_times
        s.
    b0
        T.
    b0_dir
        Unit vector along B0 in voxel axes.
    voxel_size
        mm.
    phase_slope, phase_intercept
        As ``physics.units.phase_scaling`` gives them.
    phase_sign
        1, or -1 where the scanner's phase falls with time above B0.
    """
    if phase_sign not in (1, -1):
        raise ValueError(f'phase_sign must be 1 or -1, got {phase_sign}')
    if not len(magnitude_files) == len(phase_files) == len(echo_times):
        raise ValueError(
            f'magnitude_files, phase_files and echo_times must be as many, got '
            f'{len(magnitude_files)}, {len(phase_files)} and {len(echo_times)}'
        )
    phase = _load_echoes(phase_files)
    phase.mul_(phase_sign * phase_slope).add_(phase_sign * phase_intercept)
    return MultiEcho(
        magnitude=_load_echoes(magnitude_files),
        phase=phase,
        echo_times=tuple(echo_times),
        b0=b0,
        b0_dir=b0_dir,
        voxel_size=voxel_size,
    )


def load_volume(path: Path) -> Volume:
    """Load a 3D image.

    Parameters
    ----------
    path
        Image of three axes; further axes of length 1 are dropped.

    Returns
    -------
        float32, in the file's units, after its slope and intercept.
    """
    return torch.from_numpy(_read(path))


def load_mask(path: Path) -> Mask:
    """Load a mask.

    Parameters
    ----------
    path
        3D image.

    Returns
    -------
        True where the image is above 0.5.
    """
    return torch.from_numpy(_read(path) > 0.5)


def save_volume(volume: Volume | Mask, path: Path, *, like: Path) -> None:
    """Save a tensor as NIfTI: float32, or uint8 for a mask.

    Parameters
    ----------
    volume
        Any unit, on any device.
    path
        Ends in ``.nii``, or ``.nii.gz`` to compress.
    like
        Image on the same grid, whose affine, sform, qform and units are kept.
    """
    write_image(path, volume.detach().cpu().numpy(), like=like)


def _load_echoes(paths: Sequence[Path]) -> Echoes:
    first = _read(paths[0])
    echoes = torch.empty((len(paths), *first.shape), dtype=torch.float32)
    echoes[0] = torch.from_numpy(first)

    def fill(index: int) -> None:
        echoes[index] = torch.from_numpy(_read(paths[index]))

    # decompressing takes most of the time and leaves the interpreter free
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(fill, range(1, len(paths))))
    return echoes


def _read(path: Path) -> np.ndarray:
    image, _ = read_image(path)
    if len(image.shape) < 3 or any(n != 1 for n in image.shape[3:]):
        raise ValueError(f'{path} must be a 3D image, got shape {image.shape}')
    # scaled as float64 where there is a slope, so that a large intercept costs no precision
    array = np.asarray(image.dataobj).reshape(image.shape[:3])
    return np.ascontiguousarray(array, dtype=np.float32)
