"""Mask by magnitude and phase together: bright and coherent."""

from qsmnet_bids.masking.morphology import solid
from qsmnet_bids.masking.phase_quality import coherent
from qsmnet_bids.masking.threshold import bright
from qsmnet_bids.tensors import Mask, MultiEcho


def combined(
    echoes: MultiEcho,
    *,
    fraction: float = 0.15,
    quality: float = 0.5,
    opening_radius: float = 3.0,
    closing_radius: float = 4.0,
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
    opening_radius
        Bridges of less than twice this width are cut, mm.
    closing_radius
        Gaps of less than twice this width are closed, mm.

    Returns
    -------
        One component without holes.
    """
    candidate = bright(echoes, fraction=fraction)
    candidate &= coherent(echoes, quality=quality)
    return solid(
        candidate,
        voxel_size=echoes.voxel_size,
        opening_radius=opening_radius,
        closing_radius=closing_radius,
    )
