"""From the local field to susceptibility."""

from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.inversion.tkd import tkd

METHODS = {'tikhonov': tikhonov, 'tkd': tkd}
