"""From the local field to susceptibility."""

from collections.abc import Callable

from qsmnet_bids.inversion.net import deepqsm
from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.tensors import ChiMap

METHODS: dict[str, Callable[..., ChiMap]] = {
    'tikhonov': tikhonov,
    'tkd': tkd,
    'deepqsm': deepqsm,
}
