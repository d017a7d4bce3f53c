"""From the total field to that of the sources inside the mask."""

from collections.abc import Callable

from qsmnet_bids.background.harmonics import harmonics
from qsmnet_bids.background.harmonics_vsharp import harmonics_vsharp
from qsmnet_bids.background.highpass import highpass
from qsmnet_bids.background.ismv import ismv
from qsmnet_bids.background.lbv import lbv
from qsmnet_bids.background.net import backgroundnet
from qsmnet_bids.background.pdf import pdf
from qsmnet_bids.background.resharp import resharp
from qsmnet_bids.background.sharp import sharp
from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.tensors import LocalField

METHODS: dict[str, Callable[..., LocalField]] = {
    'vsharp': vsharp,
    'resharp': resharp,
    'ismv': ismv,
    'sharp': sharp,
    'pdf': pdf,
    'lbv': lbv,
    'harmonics': harmonics,
    'harmonics_vsharp': harmonics_vsharp,
    'highpass': highpass,
    'backgroundnet': backgroundnet,
}
