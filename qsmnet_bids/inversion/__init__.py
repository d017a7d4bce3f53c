"""From the local field to susceptibility."""

from collections.abc import Callable

from qsmnet_bids.inversion.fansi import fansi
from qsmnet_bids.inversion.ilsqr import ilsqr
from qsmnet_bids.inversion.medi import medi
from qsmnet_bids.inversion.ndi import ndi
from qsmnet_bids.inversion.net import deepqsm, dipolenet, onestepnet
from qsmnet_bids.inversion.rts import rts
from qsmnet_bids.inversion.star import star
from qsmnet_bids.inversion.tikhonov import tikhonov
from qsmnet_bids.inversion.tkd import tkd
from qsmnet_bids.inversion.tsvd import tsvd
from qsmnet_bids.inversion.tv import tv
from qsmnet_bids.tensors import ChiMap

METHODS: dict[str, Callable[..., ChiMap]] = {
    'tikhonov': tikhonov,
    'tkd': tkd,
    'tsvd': tsvd,
    'tv': tv,
    'rts': rts,
    'ndi': ndi,
    'fansi': fansi,
    'medi': medi,
    'ilsqr': ilsqr,
    'star': star,
    'deepqsm': deepqsm,
    'dipolenet': dipolenet,
    'onestepnet': onestepnet,
}
