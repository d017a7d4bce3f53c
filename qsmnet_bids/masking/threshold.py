"""Mask by the magnitude, its gaps closed.

After C. Gessner, Application of Deep Learning to QSM in MRI, master thesis, Hamburg University of
Applied Sciences, 2019, section 3.8: a threshold, then four times a binary closing.
"""

from qsmnet_bids.masking.bias import combined_magnitude, robust_maximum
from qsmnet_bids.masking.body import Tissue, as_body
from qsmnet_bids.tensors import Mask, MultiEcho, Volume


@as_body
def threshold(echoes: MultiEcho, *, fraction: float = 0.15, bias_width: float = 0.0) -> Tissue:
    """Mask the largest body that is brighter than a fraction of the brightest tissue.

    The radii and ``fill`` are those of `solid`.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    fraction
        Of the robust maximum, in (0, 1).
    bias_width
        Standard deviation of the Gaussian by which slow variation is found and divided out, mm;
        0 to leave it in.

    Returns
    -------
        One component, without holes if they are filled.
    """
    magnitude = combined_magnitude(echoes, bias_width=bias_width)
    return Tissue(bright(magnitude, fraction=fraction))


def bright(magnitude: Volume, *, fraction: float) -> Mask:
    """Mark voxels that exceed a fraction of the robust maximum.

    Parameters
    ----------
    magnitude
        Any unit.
    fraction
        Of the robust maximum, in (0, 1).
    """
    if not 0 < fraction < 1:
        raise ValueError(f'fraction must be in (0, 1), got {fraction}')
    return magnitude > fraction * robust_maximum(magnitude)
