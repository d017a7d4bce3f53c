"""Where the data are to be trusted: one solid mask, from magnitude and wrapped phase."""

from collections.abc import Callable

from qsmnet_bids.masking.combined import combined
from qsmnet_bids.masking.otsu import otsu
from qsmnet_bids.masking.phase_quality import phase_quality
from qsmnet_bids.masking.threshold import threshold
from qsmnet_bids.tensors import Mask

METHODS: dict[str, Callable[..., Mask]] = {
    'combined': combined,
    'threshold': threshold,
    'phase_quality': phase_quality,
    'otsu': otsu,
}
