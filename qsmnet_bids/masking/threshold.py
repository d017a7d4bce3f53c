"""Mask by the magnitude, its gaps closed.

After C. Gessner, Application of Deep Learning to QSM in MRI, master thesis, Hamburg University of
Applied Sciences, 2019, section 3.8: a threshold, then four times a binary closing.
"""

from qsmnet_bids.masking.bias import combined_magnitude, robust_maximum
from qsmnet_bids.masking.morphology import solid
from qsmnet_bids.tensors import Mask, MultiEcho


def threshold(
    echoes: MultiEcho,
    *,
    fraction: float = 0.15,
    bias_width: float = 0.0,
    opening_radius: float = 3.0,
    closing_radius: float = 4.0,
    erosion_radius: float = 0.0,
    fill: bool = True,
) -> Mask:
    """Mask the largest body that is brighter than a fraction of the brightest tissue.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    fraction
        Of the robust maximum, in (0, 1).
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
    return solid(
        bright(echoes, fraction=fraction, bias_width=bias_width),
        voxel_size=echoes.voxel_size,
        opening_radius=opening_radius,
        closing_radius=closing_radius,
        erosion_radius=erosion_radius,
        fill=fill,
    )


def bright(echoes: MultiEcho, *, fraction: float, bias_width: float = 0.0) -> Mask:
    """Mark voxels whose root sum of squares over the echoes exceeds a fraction of the maximum.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    fraction
        Of the robust maximum of the magnitude, in (0, 1).
    bias_width
        Standard deviation of the Gaussian by which slow variation is found and divided out, mm;
        0 to leave it in.
    """
    if not 0 < fraction < 1:
        raise ValueError(f'fraction must be in (0, 1), got {fraction}')
    magnitude = combined_magnitude(echoes, bias_width=bias_width)
    return magnitude > fraction * robust_maximum(magnitude)
