"""Mask by the magnitude, with a threshold that the histogram gives.

N. Otsu, IEEE Trans. Syst. Man Cybern. 9:62-66, 1979, doi:10.1109/TSMC.1979.4310076.
"""

from qsmnet_bids.masking.bias import combined_magnitude, otsu_level
from qsmnet_bids.masking.body import Tissue, as_body
from qsmnet_bids.tensors import MultiEcho


@as_body
def otsu(echoes: MultiEcho, *, ceiling: float = 0.5, bias_width: float = 20.0) -> Tissue:
    """Mask the largest body above Otsu's threshold of the combined magnitude.

    The radii and ``fill`` are those of `solid`.

    Parameters
    ----------
    echoes
        Only the magnitude is used.
    ceiling
        Greatest threshold, as a fraction of the mean of what lies above it, in (0, 1): where all
        is tissue there are no two classes to part.
    bias_width
        Standard deviation of the Gaussian by which slow variation is found and divided out, mm;
        0 to leave it in.

    Returns
    -------
        One component, without holes if they are filled.
    """
    if not 0 < ceiling < 1:
        raise ValueError(f'ceiling must be in (0, 1), got {ceiling}')
    magnitude = combined_magnitude(echoes, bias_width=bias_width)
    level = otsu_level(magnitude)
    above = magnitude > level
    if bool(above.any()):
        level = min(level, ceiling * float(magnitude[above].mean()))
    return Tissue(magnitude > level)
