"""The record that preflight hands to the workflow: one run that can be processed."""

from dataclasses import dataclass, field
from pathlib import Path

from qsmnet_bids.bidsio.names import join_name
from qsmnet_bids.vectors import Vector


@dataclass(frozen=True)
class Acquisition:
    """A checked run, with all that the stages need to know of it.

    Parameters
    ----------
    entities
        Values by short key (``sub``, ``ses``, ``run``, ...), without ``echo`` and ``part``.
    suffix
        Of the input images, ``MEGRE`` or ``T2starw``.
    magnitude, phase
        One 3D image per echo.
    echo_times
        s, increasing.
    b0
        T.
    b0_dir
        Unit vector along B0 in voxel axes.
    voxel_size
        mm.
    shape
        Voxels in x, y, z.
    phase_convention
        As ``physics.units`` names them.
    phase_slope, phase_intercept
        rad = slope * value + intercept.
    phase_sign
        1, or -1 where the scanner's phase falls with time above B0.
    mask
        A provided mask; None to compute one.
    segmentation
        Image with the labels of regions, in the space of the run; None without.
    region_names
        Table with the names of these regions; None where they are not to be measured.
    metadata
        Fields of the scanner that all sidecars share.
    warnings
        Sentences for the reader.
    orientations
        All runs, this one first, that become one map; empty where a run has its own.
    """

    entities: dict[str, str]
    suffix: str
    magnitude: tuple[Path, ...]
    phase: tuple[Path, ...]
    echo_times: tuple[float, ...]
    b0: float
    b0_dir: Vector
    voxel_size: Vector
    shape: tuple[int, int, int]
    phase_convention: str
    phase_slope: float
    phase_intercept: float
    phase_sign: int
    mask: Path | None = None
    segmentation: Path | None = None
    region_names: Path | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    orientations: tuple['Acquisition', ...] = ()

    @property
    def name(self) -> str:
        """Name of the run, such as ``sub-01_ses-a_run-1``."""
        return join_name(self.entities)

    @property
    def subject(self) -> str:
        """Label of the subject, without ``sub-``."""
        return self.entities['sub']

    @property
    def session(self) -> str:
        """Label of the session, without ``ses-``; empty if there is none."""
        return self.entities.get('ses', '')
