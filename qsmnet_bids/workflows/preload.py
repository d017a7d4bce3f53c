"""All that the first worker needs, imported once, by the server from which workers are forked.

A fifth of a second is saved by not looking for garbage among modules. What is imported here is
then left out of all later collections, so that its memory stays shared between the workers.
"""

import gc
from importlib import import_module

MODULES = (
    'qsmnet_bids.interfaces.numerics.masking',
    'qsmnet_bids.workflows.worker',
    'qsmnet_bids.cli.run',  # workers import the script that started the app, and this with it
)

gc.disable()
for module in MODULES:
    import_module(module)
gc.freeze()
gc.enable()
