"""Masks that other pipelines made for a run."""

from collections.abc import Mapping
from pathlib import Path

from bids.layout import Query

from qsmnet_bids.bidsio.filters import Filter
from qsmnet_bids.bidsio.kinship import belongs, detail
from qsmnet_bids.bidsio.names import LONG_NAMES, parse_name
from qsmnet_bids.errors import InputError, Problem


def find_mask(
    entities: Mapping[str, str],
    *,
    derivatives: Mapping[str, Path],
    desc: str,
    conditions: Filter | None = None,
) -> Path:
    """Find the mask of a run in derivative datasets.

    A mask belongs to a run if every entity in its name is the run's; of several the one that
    says most is taken. Masks in another space (``space-``) count only if ``conditions`` name it.

    Parameters
    ----------
    entities
        Of the run, by short key.
    derivatives
        Datasets by name.
    desc
        Of the mask.
    conditions
        Entities that the mask must have, from the BIDS filter file.

    Returns
    -------
        The mask; ``InputError`` if there is none, or no telling which.
    """
    wanted = {'space': Query.NONE, 'description': desc} | (conditions or {})
    subject = entities['sub']
    candidates = [
        path
        for root in derivatives.values()
        for path in sorted(root.glob(f'sub-{subject}/**/anat/*_mask.nii*'))
        if belongs(path, entities) and _fulfils(path, wanted)
    ]
    most = max((detail(path) for path in candidates), default=0)
    best = [path for path in candidates if detail(path) == most]
    if len(best) == 1:
        return best[0]
    name = '_'.join(f'{key}-{value}' for key, value in entities.items())
    where = ', '.join(str(root) for root in derivatives.values()) or 'no derivatives'
    if not best:
        found = f'no mask {name}_desc-{desc}_mask.nii.gz'
        remedy = 'add it, or leave out --mask to have one computed'
        raise InputError(Problem(where, 'mask', found, remedy, subject))
    found = f'{len(best)} masks fit {name}: {", ".join(str(path) for path in best)}'
    remedy = 'choose one by "mask" in a BIDS filter file'
    raise InputError(Problem(where, 'mask', found, remedy, subject))


def _fulfils(path: Path, wanted: Filter) -> bool:
    entities = parse_name(path)
    return all(
        _matches(entities.get(LONG_NAMES.get(name, name)), value)
        for name, value in wanted.items()
        if name not in ('suffix', 'datatype', 'extension')
    )


def _matches(actual: str | None, wanted: object) -> bool:
    if isinstance(wanted, list):
        return any(_matches(actual, value) for value in wanted)
    if wanted is Query.NONE:
        return actual is None
    if wanted is Query.ANY:
        return actual is not None
    if isinstance(wanted, int):
        return actual is not None and actual.isdecimal() and int(actual) == wanted
    return actual == wanted
