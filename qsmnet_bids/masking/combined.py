"""Mask by magnitude and phase together: bright and coherent."""

from qsmnet_bids.masking.morphology import solid
from qsmnet_bids.masking.phase_quality import coherent
from qsmnet_bids.masking.threshold import bright
from qsmnet_bids.tensors import Mask, MultiEcho


def combined(
    echoes: MultiEcho,
    *,
    fraction: float = 0.15,
    quality: float = 0.6,
    bias_width: float = 20.0,
    opening_radius: float = 3.0,
    closing_radius: float = 4.0,
    erosion_radius: float = 0.0,
    fill: bool = True,
) -> Mask:
    """Mask the largest body that is both bright and coherent in phase.

    Parameters
    ----------
    echoes
        Magnitude and wrapped phase.
    fraction
        Of the robust maximum of the magnitude, in (0, 1).
    quality
        Least coherence of the phase, in (0, 1).
    bias_width
        Standard deviation of the Gaussian by which slow variation is found and divided out, mm;
        0 to leave it in.
    opening_radius
        Bridges of less than twice this width are cut, mm.
    closing_radius
        Gaps of less than twice this width are closed, mm.
    erosion_radius
        Taken off the surface at last, mm.
    fill
        Whether gaps and holes are filled, or stay open as the first of two passes wants them.

    Returns
    -------
        One component, without holes if they are filled.
    """
    candidate = bright(echoes, fraction=fraction, bias_width=bias_width)
    candidate &= coherent(echoes, quality=quality)
    return solid(
        candidate,
        voxel_size=echoes.voxel_size,
        opening_radius=opening_radius,
        closing_radius=closing_radius,
        erosion_radius=erosion_radius,
        fill=fill,
    )
