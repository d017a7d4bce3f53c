"""From the total field to that of the sources inside the mask."""

from collections.abc import Callable

from qsmnet_bids.background.ismv import ismv
from qsmnet_bids.background.resharp import resharp
from qsmnet_bids.background.sharp import sharp
from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.tensors import LocalField

METHODS: dict[str, Callable[..., LocalField]] = {
    'vsharp': vsharp,
    'resharp': resharp,
    'ismv': ismv,
    'sharp': sharp,
}
