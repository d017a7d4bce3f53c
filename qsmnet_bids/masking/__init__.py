"""Where the data are to be trusted: one solid mask of the brain from magnitude and wrapped phase."""

from qsmnet_bids.masking.combined import combined
from qsmnet_bids.masking.phase_quality import phase_quality
from qsmnet_bids.masking.threshold import threshold

METHODS = {'combined': combined, 'threshold': threshold, 'phase_quality': phase_quality}
