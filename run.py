"""Start qsmnet-bids from a clone or in a container.

``python run.py bids_dir output_dir participant`` is the app. With ``phantom``, ``stage``,
``slurm`` or ``train`` as its first word it is ``qsmnet-bids-phantom``, ``qsmnet-bids-stage``,
``qsmnet-bids-slurm`` or ``python -m training train``; a dataset in a folder of such a name is
``./stage``.
"""

import sys
from importlib import import_module

COMMANDS: dict[str, tuple[str, list[str]]] = {
    'phantom': ('qsmnet_bids.cli.phantom', []),
    'slurm': ('qsmnet_bids.cli.slurm', []),
    'stage': ('qsmnet_bids.cli.stage', []),
    'train': ('training.__main__', ['train']),
}
"""Module with ``main`` and the words that come before the user's, by the first word."""


def main(words: list[str]) -> int:
    """Run the command that the first word names, or else the app.

    Parameters
    ----------
    words
        Of the command line, without the program's name.

    Returns
    -------
        Exit code.
    """
    if words and words[0] in COMMANDS:
        module, first = COMMANDS[words[0]]
        return int(import_module(module).main([*first, *words[1:]]))
    return int(import_module('qsmnet_bids.cli.run').main(words))


if __name__ == '__main__':  # workers import this file anew
    sys.exit(main(sys.argv[1:]))
