"""The door from nodes to what needs torch: it opens at the first use, hence in workers only.

The process that builds the graph must not load torch: loading takes seconds.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsmnet_bids.interfaces import numerics as numerics  # noqa: PLC0414 # a re-export


def __getattr__(name: str) -> ModuleType:
    """Import ``numerics`` when it is first asked for."""
    if name != 'numerics':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return import_module('qsmnet_bids.interfaces.numerics')
