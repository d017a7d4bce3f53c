"""Measures of one reconstruction that need no ground truth, for sidecars and group tables."""

from qsmnet_bids.quality.echoes import echo_measures
from qsmnet_bids.quality.maps import (
    forward_residual,
    quality_measures,
    uncertainty_measures,
)

__all__ = ['echo_measures', 'forward_residual', 'quality_measures', 'uncertainty_measures']
