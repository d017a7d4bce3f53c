"""Mean and standard deviation of the maps of a dataset, read one after the other.

B. P. Welford, Technometrics 4:419-420, 1962, doi:10.1080/00401706.1962.10490022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsmnet_bids.bidsio.nifti import open_image, write_image

AFFINE_TOLERANCE = 1e-3
"""mm."""


class Moments:
    """Mean and standard deviation of what was added, of which no more than one is held.

    Parameters
    ----------
    shape
        Of all that will be added.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.n = 0
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: np.ndarray) -> None:
        """Take in one array."""
        self.n += 1
        before = values - self.mean
        self.mean += before / self.n
        self._squares += before * (values - self.mean)

    @property
    def sd(self) -> np.ndarray:
        """With n - 1 in the denominator; zero where n is 1."""
        deviation: np.ndarray = np.sqrt(self._squares / max(1, self.n - 1))
        return deviation


@dataclass(frozen=True)
class GroupMaps:
    """What became of the maps of one inversion.

    Parameters
    ----------
    inversion
        Its label.
    n
        Maps that were averaged.
    files
        Mean and standard deviation; empty where none were written.
    note
        A sentence.
    """

    inversion: str
    n: int
    files: tuple[Path, ...]
    note: str


def write_group_maps(output_dir: Path, inversion: str, maps: Sequence[Path]) -> GroupMaps:
    """Average the maps of one inversion, if all lie on one grid.

    Parameters
    ----------
    output_dir
        Where ``group_desc-<inversion>_{mean,sd}.nii.gz`` go.
    inversion
        Label.
    maps
        Susceptibility maps, one per run.
    """
    if len(maps) < 2:
        return GroupMaps(inversion, len(maps), (), 'There are fewer than two maps.')
    first = open_image(maps[0])
    for path in maps[1:]:
        image = open_image(path)
        is_alike = image.shape == first.shape and np.allclose(
            image.affine, first.affine, rtol=0, atol=AFFINE_TOLERANCE
        )
        if not is_alike:
            note = (
                f'No mean was made: the grid of {path.name} is not that of {maps[0].name}. '
                'Bring the maps to one space first.'
            )
            return GroupMaps(inversion, len(maps), (), note)
    moments = Moments(first.shape[:3])
    for path in maps:
        moments.add(np.asarray(open_image(path).dataobj, dtype=np.float64))
    files = []
    for statistic, values in (('mean', moments.mean), ('sd', moments.sd)):
        files.append(output_dir / f'group_desc-{inversion}_{statistic}.nii.gz')
        write_image(files[-1], values, like=maps[0])
    note = (
        'All maps lie on one grid. Whether the same place in it is the same place in every brain '
        'is for you to know: maps in the space of the scanner must be normalised first.'
    )
    return GroupMaps(inversion, len(maps), tuple(files), note)
