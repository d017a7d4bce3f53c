"""Model cards: what ships, where it is, and how it was made. Does not import torch."""

import json
from pathlib import Path
from typing import Any

from qsmnet_bids.errors import WeightsError

WEIGHTS_DIR = Path(__file__).parent
WHOLE = ('refined',)
"""Architectures that need the dipole kernel, which sees the whole volume."""


def available(directory: Path = WEIGHTS_DIR) -> tuple[str, ...]:
    """Name the networks that have a model card.

    Parameters
    ----------
    directory
        Holds ``NAME.json``.
    """
    return tuple(sorted(path.stem for path in directory.glob('*.json')))


def read_card(name: str, directory: Path = WEIGHTS_DIR) -> dict[str, Any]:
    """Read a model card.

    Parameters
    ----------
    name
        Such as ``'deepqsm'``.
    directory
        Holds ``NAME.json``.

    Raises
    ------
    WeightsError
        If there is none of that name.
    """
    path = directory / f'{name}.json'
    if not path.exists():
        names = ', '.join(available(directory)) or 'none'
        raise WeightsError(f'{path}: no such model card; the networks that ship are: {names}')
    card: dict[str, Any] = json.loads(path.read_text())
    return card


def sees_whole(name: str, directory: Path = WEIGHTS_DIR) -> bool:
    """Tell whether a network works on the whole volume, on its own grid, and not in tiles.

    Parameters
    ----------
    name
        Such as ``'dipolenet'``.
    directory
        Holds ``NAME.json``.
    """
    return str(read_card(name, directory)['network']['architecture']) in WHOLE


def is_one_step(name: str, directory: Path = WEIGHTS_DIR) -> bool:
    """Tell whether a method is a network that takes the total field, not the local one.

    Parameters
    ----------
    name
        Of an inversion.
    directory
        Holds ``NAME.json``.
    """
    return (
        name in available(directory)
        and read_card(name, directory)['network'].get('task') == 'onestep'
    )


def uncertainty_factor(method: str, directory: Path = WEIGHTS_DIR) -> float:
    """Look up what the uncertainty of a method's maps has to be multiplied by.

    Parameters
    ----------
    method
        Of the inversion.
    directory
        Holds ``NAME.json``.

    Returns
    -------
        1 where the method is no network, or its card has no calibration.
    """
    if method not in available(directory):
        return 1.0
    return float(read_card(method, directory).get('uncertainty_factor', 1.0))
