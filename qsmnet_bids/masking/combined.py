"""Mask by magnitude and phase together: bright and coherent."""

from torch import Tensor

from qsmnet_bids.masking.bias import combined_magnitude
from qsmnet_bids.masking.body import Tissue, as_body
from qsmnet_bids.masking.phase_quality import coherent
from qsmnet_bids.masking.threshold import bright
from qsmnet_bids.tensors import MultiEcho


@as_body
def combined(
    echoes: MultiEcho,
    *,
    fraction: float = 0.15,
    quality: float = 0.6,
    edge: float = 0.5,
    bias_width: float = 20.0,
) -> Tissue:
    """Mask the largest body that is both bright and coherent in phase.

    The radii and ``fill`` are those of `solid`.

    Parameters
    ----------
    echoes
        Magnitude and wrapped phase.
    fraction
        Of the robust maximum of the magnitude, in (0, 1).
    quality
        Least coherence of the phase, in (0, 1).
    edge
        Least magnitude of a voxel at the surface, relative to the median over all that look like
        tissue, in [0, 1); 0 to keep all. A voxel that is less than half as bright as tissue is
        bone or air by more than half, a source that the removal of the background must not find
        in the mask.
    bias_width
        Standard deviation of the Gaussian by which slow variation is found and divided out, mm;
        0 to leave it in.

    Returns
    -------
        One component, without holes if they are filled.
    """
    if not 0 <= edge < 1:
        raise ValueError(f'edge must be in [0, 1), got {edge}')
    magnitude = combined_magnitude(echoes, bias_width=bias_width)
    candidate = bright(magnitude, fraction=fraction) & coherent(echoes, quality=quality)
    return Tissue(candidate, partial=magnitude < edge * _median(magnitude[candidate]))


def _median(values: Tensor) -> float:
    """Give the median, 0 of nothing."""
    return float(values.median()) if len(values) else 0.0
