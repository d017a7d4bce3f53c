"""From multi-echo phase and magnitude to the total field, and the decay of the magnitude."""

from collections.abc import Callable

from qsmnet_bids.fieldmap.linear_fit import linear_fit
from qsmnet_bids.fieldmap.nonlinear_fit import nonlinear_fit
from qsmnet_bids.fieldmap.weighted_mean import weighted_mean
from qsmnet_bids.tensors import TotalField

METHODS: dict[str, Callable[..., TotalField]] = {
    'weighted_mean': weighted_mean,
    'linear_fit': linear_fit,
    'nonlinear_fit': nonlinear_fit,
}
