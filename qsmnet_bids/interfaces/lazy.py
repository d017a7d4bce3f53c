"""The door from nodes to what needs torch: it opens at the first use, hence in workers only.

The process that builds the graph must not load torch: loading takes seconds.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsmnet_bids.interfaces.numerics import atlas as atlas  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import (
        background as background,  # noqa: PLC0414 # a re-export
    )
    from qsmnet_bids.interfaces.numerics import fieldmap as fieldmap  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import figures as figures  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import gpu as gpu  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import inversion as inversion  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import masking as masking  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import orientations as orientations  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import passes as passes  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import uncertainty as uncertainty  # noqa: PLC0414
    from qsmnet_bids.interfaces.numerics import weighting as weighting  # noqa: PLC0414

MODULES = (
    'atlas',
    'masking',
    'fieldmap',
    'background',
    'inversion',
    'orientations',
    'passes',
    'uncertainty',
    'weighting',
    'figures',
    'gpu',
)
"""Of ``numerics``, one per node, and what a worker asks of its GPU."""


def __getattr__(name: str) -> ModuleType:
    """Import a module of ``numerics`` when it is first asked for."""
    if name not in MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return import_module(f'qsmnet_bids.interfaces.numerics.{name}')
