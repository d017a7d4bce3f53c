"""The records that travel between stages, and the one place where shapes and units are said.

Tensors keep the axes of the NIfTI file (``x y z``); ``echo`` leads. Between stages phase is in
rad, time in s, B0 in T, length in mm, and field and susceptibility (``chi``) in ppm.
"""

from dataclasses import dataclass
from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from qsmnet_bids.vectors import Vector

Volume = Float[Tensor, 'x y z']
ResampledVolume = Float[Tensor, 'x_new y_new z_new']
Echoes = Float[Tensor, 'echo x y z']
Mask = Bool[Tensor, 'x y z']


@dataclass(frozen=True)
class Convergence:
    """How an iterative method ended.

    Parameters
    ----------
    n_iterations
        Iterations done.
    relative_residual
        The solver's own measure, relative to that of the zero solution.
    converged
        Whether the tolerance was met before the iterations ran out.
    """

    n_iterations: int
    relative_residual: float
    converged: bool


@dataclass(frozen=True)
class MultiEcho:
    """A multi-echo gradient-echo acquisition.

    Parameters
    ----------
    magnitude
        Arbitrary units, at least 0, one volume per echo.
    phase
        rad, wrapped to [-pi, pi]; grows with time where the field is above B0.
    echo_times
        s, increasing, one per echo.
    b0
        T.
    b0_dir
        Unit vector along B0 in voxel axes.
    voxel_size
        mm.
    """

    magnitude: Echoes
    phase: Echoes
    echo_times: tuple[float, ...]
    b0: float
    b0_dir: Vector
    voxel_size: Vector


@dataclass(frozen=True)
class TotalField:
    """Field offset relative to B0, from all sources.

    Parameters
    ----------
    field
        ppm.
    noise
        Standard deviation of ``field`` per voxel, ppm.
    mask
        Voxels in which the field is to be trusted.
    voxel_size
        mm.
    b0_dir
        Unit vector along B0 in voxel axes.
    magnitude
        Root of the sum of squares over the echoes, any unit; None where it is not known.
    r2star
        1/s; None where it is not known, as from a single echo.
    convergence
        Of the fit over the echoes, if it iterates.
    unwrapped
        The phase that the field comes from, without wraps, rad, zero outside the mask: of the
        last echo, or over the shortest gap between echoes where the fit unwraps no more; None
        where it is not known.
    """

    field: Volume
    noise: Volume
    mask: Mask
    voxel_size: Vector
    b0_dir: Vector
    magnitude: Volume | None = None
    r2star: Volume | None = None
    convergence: Convergence | None = None
    unwrapped: Volume | None = None


@dataclass(frozen=True)
class Removed:
    """What background removal took from a total field.

    Parameters
    ----------
    field
        Total field minus local field, ppm; the total field where the local one is not known; zero
        outside the mask.
    noise
        Standard deviation of the total field per voxel, ppm.
    mask
        Of the total field.
    """

    field: Volume
    noise: Volume
    mask: Mask


@final
@dataclass(frozen=True)
class LocalField:
    """Field of the sources inside the mask, zero outside it.

    Parameters
    ----------
    field
        ppm.
    noise
        Standard deviation of ``field`` per voxel, ppm.
    mask
        Voxels in which the local field is known: the stage's input mask or less.
    voxel_size
        mm.
    b0_dir
        Unit vector along B0 in voxel axes.
    convergence
        Of the background removal, if it iterates.
    magnitude
        Root of the sum of squares over the echoes, any unit; None where it is not known.
    r2star
        1/s; None where it is not known, as from a single echo.
    removed
        What background removal took; None where that is not known.
    """

    field: Volume
    noise: Volume
    mask: Mask
    voxel_size: Vector
    b0_dir: Vector
    convergence: Convergence | None = None
    magnitude: Volume | None = None
    r2star: Volume | None = None
    removed: Removed | None = None


@dataclass(frozen=True)
class ChiMap:
    """Magnetic susceptibility, zero outside the mask.

    Parameters
    ----------
    chi
        ppm, relative to ``reference``.
    mask
        Voxels in which chi is known.
    voxel_size
        mm.
    b0_dir
        Unit vector along B0 in voxel axes.
    reference
        The region whose mean is zero, ``'none'`` where nothing was subtracted.
    convergence
        Of the inversion, if it iterates.
    """

    chi: Volume
    mask: Mask
    voxel_size: Vector
    b0_dir: Vector
    reference: str = 'none'
    convergence: Convergence | None = None


@dataclass(frozen=True)
class Relaxation:
    """Mono-exponential decay of the magnitude.

    Parameters
    ----------
    r2star
        1/s, zero outside the mask.
    t2star
        s, zero outside the mask and where r2star is zero.
    s0
        Magnitude at time zero, in the units of the magnitude, zero outside the mask.
    """

    r2star: Volume
    t2star: Volume
    s0: Volume
