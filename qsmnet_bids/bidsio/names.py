"""Names of BIDS files: entities in, entities out. Knows nothing of disks."""

import re
from collections.abc import Mapping
from pathlib import Path

ENTITY_ORDER = (
    'sub', 'ses', 'sample', 'task', 'tracksys', 'acq', 'ce', 'rec', 'dir', 'run', 'mod', 'echo',
    'flip', 'inv', 'mt', 'part', 'proc', 'hemi', 'space', 'split', 'recording', 'chunk', 'seg',
    'res', 'den', 'label', 'desc',
)  # fmt: skip
"""As BIDS orders them in a file name."""

LONG_NAMES = {
    'subject': 'sub',
    'session': 'ses',
    'acquisition': 'acq',
    'ceagent': 'ce',
    'reconstruction': 'rec',
    'direction': 'dir',
    'modality': 'mod',
    'description': 'desc',
}
"""pybids' names of the entities that have a longer one than the file name's."""

LABEL = re.compile(r'[0-9A-Za-z+]+')


def parse_name(path: Path) -> dict[str, str]:
    """Split a file name into its entities.

    Parameters
    ----------
    path
        Such as ``sub-01_run-2_Chimap.nii.gz``; folders do not matter.

    Returns
    -------
        Values as they stand in the name, by the entity's short key, in the order of the name.

    >>> parse_name(Path('sub-01_run-02_echo-1_MEGRE.nii.gz'))
    {'sub': '01', 'run': '02', 'echo': '1'}
    """
    pairs = path.name.split('_')[:-1]
    return dict(pair.split('-', 1) for pair in pairs if '-' in pair)


def parse_suffix(path: Path) -> str:
    """Give the suffix of a file name.

    Parameters
    ----------
    path
        Folders do not matter.

    >>> parse_suffix(Path('sub-01_run-02_echo-1_MEGRE.nii.gz'))
    'MEGRE'
    """
    return path.name.split('_')[-1].split('.')[0]


def join_name(entities: Mapping[str, str]) -> str:
    """Join entities in the order of BIDS.

    Parameters
    ----------
    entities
        Values by short key.

    Returns
    -------
        The name without suffix and extension.

    >>> join_name({'desc': 'brain', 'sub': '01', 'run': '2'})
    'sub-01_run-2_desc-brain'
    """
    unknown = sorted(set(entities) - set(ENTITY_ORDER))
    if unknown:
        raise ValueError(f'entities must be among {", ".join(ENTITY_ORDER)}, got {unknown}')
    for key, value in entities.items():
        if not is_label(value):
            raise ValueError(f'{key} must be letters and digits only, got {value!r}')
    return '_'.join(f'{key}-{entities[key]}' for key in ENTITY_ORDER if key in entities)


def is_label(value: str) -> bool:
    """Tell whether a value may stand in a BIDS file name, and so cannot name another folder.

    Parameters
    ----------
    value
        Of an entity.

    >>> is_label('../up')
    False
    """
    return LABEL.fullmatch(value) is not None
