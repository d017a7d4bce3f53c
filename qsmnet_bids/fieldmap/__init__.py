"""From multi-echo phase and magnitude to the total field, and the decay of the magnitude."""

from qsmnet_bids.fieldmap.weighted_mean import weighted_mean

METHODS = {'weighted_mean': weighted_mean}
