"""From the total field to that of the sources inside the mask."""

from qsmnet_bids.background.vsharp import vsharp

METHODS = {'vsharp': vsharp}
