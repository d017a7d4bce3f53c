"""What ran, as a paragraph for a paper, with the publications to cite."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from qsmnet_bids.reports.records import RunRecord, StepRecord, parse_record
from qsmnet_bids.reports.values import TIMES, join_numbers

_SOFTWARE = ('torch', 'nipype', 'nibabel', 'bids')
_WITHOUT_SENTENCE = frozenset(
    {'referencing', 'first background', 'first inversion', 'first uncertainty'}
)
"""Stages; but a reference region with a publication of its own has a sentence."""


@dataclass(frozen=True)
class Reference:
    """A publication.

    Parameters
    ----------
    key
        Method or program that it belongs to.
    citation
        Authors, title, journal, year.
    doi
        Without resolver.
    bibtex
        The whole entry.
    description
        What the method does, as a sentence for a paper.
    """

    key: str
    citation: str
    doi: str
    bibtex: str
    description: str


@cache
def bibliography() -> dict[str, Reference]:
    """Load the publications of all methods and programs, by name."""
    text = resources.files('qsmnet_bids.data').joinpath('bibliography.json').read_text('utf-8')
    return {key: Reference(key, **entry) for key, entry in json.loads(text).items()}


def references(sidecar: Mapping[str, object] | RunRecord) -> list[Reference]:
    """List what the methods paragraph cites, in its order and without repetition.

    Parameters
    ----------
    sidecar
        Of the susceptibility map.
    """
    record = _as_record(sidecar)
    keys = ['qsm_consensus', *(step.method for step in _told(record)), *_SOFTWARE]
    cited: dict[str, Reference] = {}
    for key in keys:
        if key in bibliography():
            cited.setdefault(bibliography()[key].doi, bibliography()[key])
    return list(cited.values())


def methods_paragraph(sidecar: Mapping[str, object] | RunRecord) -> str:
    """Write the methods section of this run.

    Parameters
    ----------
    sidecar
        Of the susceptibility map.

    Returns
    -------
        Plain text; numbers in brackets count ``references(sidecar)`` from 1.
    """
    record = _as_record(sidecar)
    numbers = {
        reference.doi: f' [{number}]' for number, reference in enumerate(references(record), 1)
    }

    def cite(key: str) -> str:
        return numbers[bibliography()[key].doi] if key in bibliography() else ''

    version = record.versions.get('qsmnet-bids', '')
    sentences = [
        f'Quantitative susceptibility maps{cite("qsm_consensus")} were computed with qsmnet-bids'
        f'{" " + version if version else ""} from {_acquisition(record)}.',
        *(_sentence(step, cite(step.method), record) for step in _told(record)),
        _referencing(record.reference_region),
        f'The computations ran on PyTorch{_version(record, "torch")}{cite("torch")}, Nipype'
        f'{_version(record, "nipype")}{cite("nipype")} and NiBabel{_version(record, "nibabel")}'
        f'{cite("nibabel")}; input and output follow the Brain Imaging Data Structure'
        f'{cite("bids")}.',
    ]
    return ' '.join(sentence for sentence in sentences if sentence)


def _as_record(sidecar: Mapping[str, object] | RunRecord) -> RunRecord:
    return sidecar if isinstance(sidecar, RunRecord) else parse_record(sidecar)


def _told(record: RunRecord) -> list[StepRecord]:
    return [
        step
        for step in record.steps
        if step.stage not in _WITHOUT_SENTENCE or step.method == 'csf'
    ]


def _acquisition(record: RunRecord) -> str:
    count = len(record.echo_times)
    echoes = f'{count}-echo' if count > 1 else 'single-echo'
    strength = f'{record.b0:g} T ' if record.b0 else ''
    times = _enumerate([f'{1000 * time:g}' for time in record.echo_times])
    details = [f'echo {"times" if count > 1 else "time"} {times} ms'] if count else []
    if record.voxel_size:
        details.append(f'voxel size {join_numbers(record.voxel_size, f" {TIMES} ")} mm')
    scanner = [record.scanner.get(key, '') for key in ('Manufacturer', 'ManufacturersModelName')]
    if any(scanner):
        details.append(' '.join(filter(None, scanner)))
    return f'{strength}{echoes} gradient-echo data ({"; ".join(details)})'


def _sentence(step: StepRecord, citation: str, record: RunRecord) -> str:
    known = bibliography().get(step.method)
    if step.method == 'provided':
        text = 'The mask was provided with the data'
    elif known is None:
        text = f'{step.stage.capitalize()} was done by {step.method}'
        citation = f' ({step.reference})' if step.reference else ''
    else:
        text = known.description.removesuffix('.')
    details = [f'{name} = {value}' for name, value in step.parameters.items() if value]
    if step.stage == 'inversion' and record.weights:
        checksum = record.weights.get('sha256', '')[:12]
        details.append(f'weights {record.weights.get("name", "")}, sha256 {checksum}')
    listed = f' ({", ".join(details)})' if details else ''
    return f'{text}{citation}{listed}.'


def _referencing(region: str) -> str:
    if not region or region == 'none':
        return 'Susceptibility is given in ppm without a reference region.'
    return f'Susceptibility is given in ppm relative to the mean of the {region}.'


def _version(record: RunRecord, package: str) -> str:
    version = record.versions.get(package, '')
    return f' {version}' if version else ''


def _enumerate(items: list[str]) -> str:
    return ', '.join(items[:-1]) + ' and ' + items[-1] if len(items) > 1 else ''.join(items)
