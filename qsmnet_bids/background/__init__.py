"""From the total field to that of the sources inside the mask."""

from collections.abc import Callable

from qsmnet_bids.background.vsharp import vsharp
from qsmnet_bids.tensors import LocalField

METHODS: dict[str, Callable[..., LocalField]] = {'vsharp': vsharp}
