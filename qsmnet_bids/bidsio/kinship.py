"""Which run a derivative of another pipeline belongs to, by its name."""

from collections.abc import Mapping
from pathlib import Path

from qsmnet_bids.bidsio.names import parse_name

NOT_OF_A_RUN = {'desc', 'label', 'space', 'res', 'den', 'echo', 'part'}
"""Entities in which a mask may differ from the images it belongs to."""


def belongs(path: Path, entities: Mapping[str, str]) -> bool:
    """Tell whether every entity in a file's name is the run's.

    Parameters
    ----------
    path
        Of a derivative.
    entities
        Of the run, by short key.
    """
    own = {k: v for k, v in parse_name(path).items() if k not in NOT_OF_A_RUN}
    return all(_same(key, value, entities.get(key)) for key, value in own.items())


def _same(key: str, value: str, other: str | None) -> bool:
    if other is None:
        return False
    # run-1 and run-01 are the same run
    if key == 'run' and value.isdecimal() and other.isdecimal():
        return int(value) == int(other)
    return value == other


def detail(path: Path) -> int:
    """Count the entities by which a file's name tells whose it is.

    Parameters
    ----------
    path
        Of a derivative.
    """
    return len(parse_name(path).keys() - NOT_OF_A_RUN)
