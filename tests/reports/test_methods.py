import re
import string

import pytest

from qsmnet_bids import settings
from qsmnet_bids.reports.methods import (
    bibliography,
    methods_paragraph,
    references,
)
from qsmnet_bids.reports.values import TIMES

METHODS = (
    *settings.MASKINGS,
    *settings.UNWRAPPINGS,
    *settings.FIELDMAPS,
    *settings.BACKGROUNDS,
    *settings.INVERSIONS,
    'mcpc3ds',
    'relaxometry',
)


@pytest.mark.parametrize('method', METHODS)
def test_every_method_has_a_publication(method):
    entry = bibliography()[method]
    assert entry.citation.endswith('.')
    assert entry.description.endswith('.')
    assert entry.doi in entry.bibtex


@pytest.mark.parametrize('key', sorted(bibliography()))
def test_entries_are_well_formed(key):
    entry = bibliography()[key]
    assert re.fullmatch(r'10\.\d{4,9}/[^\s{}]+', entry.doi)
    assert re.match(r'@(article|misc|inproceedings)\{\w+,\n', entry.bibtex)
    assert entry.bibtex.count('{') == entry.bibtex.count('}')
    [year] = re.findall(r'year = \{(\d{4})\}', entry.bibtex)
    assert year in entry.citation
    assert set(entry.citation) - set(string.printable) <= set('ØøÉéôÖöä')


def test_one_publication_has_one_bibtex_key():
    keys = {}
    for entry in bibliography().values():
        keys.setdefault(re.match(r'@\w+\{(\w+),', entry.bibtex)[1], set()).add(entry.doi)
    assert all(len(dois) == 1 for dois in keys.values())


def test_paragraph_tells_what_ran_and_nothing_else(sidecar):
    text = methods_paragraph(sidecar)
    for words in (
        '3 T 4-echo',
        '5, 12, 19 and 26 ms',
        f'1 {TIMES} 1 {TIMES} 1.2 mm',
        'Siemens Prisma',
    ):
        assert words in text
    for words in ('MCPC-3D-S', 'best path', 'V-SHARP', 'Tikhonov', 'regularisation = 0.02'):
        assert words in text
    for words in ('TKD', 'DeepQSM', 'Laplacian', 'R2*'):
        assert words not in text
    assert 'relative to the mean of the whole mask' in text


def test_numbers_in_the_paragraph_count_the_references(sidecar):
    numbers = {int(number) for number in re.findall(r'\[(\d+)\]', methods_paragraph(sidecar))}
    assert numbers == set(range(1, len(references(sidecar)) + 1))
    vsharp = [reference.doi for reference in references(sidecar)].index('10.1002/mrm.23000') + 1
    assert f'(V-SHARP) [{vsharp}]' in methods_paragraph(sidecar)


def test_shared_publication_is_cited_once(sidecar):
    sidecar['Steps'][0]['method'] = 'threshold'
    sidecar['Steps'][-1]['method'] = 'deepqsm'
    sidecar['Weights'] = {'name': 'deepqsm', 'sha256': 'ab' * 32}
    dois = [reference.doi for reference in references(sidecar)]
    assert dois.count('10.1016/j.neuroimage.2019.03.060') == 1
    assert 'weights deepqsm, sha256 abababababab' in methods_paragraph(sidecar)


def test_single_echo_without_reference_region(sidecar):
    text = methods_paragraph(sidecar | {'EchoTime': [0.02], 'ReferenceRegion': 'none'})
    assert 'single-echo gradient-echo data (echo time 20 ms' in text
    assert 'without a reference region' in text


def test_provided_mask_and_unknown_method(sidecar):
    sidecar['Steps'][0] |= {'method': 'provided', 'parameters': {}}
    sidecar['Steps'][-1] |= {'method': 'mystery', 'parameters': {}, 'reference': '10.1/x'}
    text = methods_paragraph(sidecar)
    assert 'The mask was provided with the data.' in text
    assert 'Inversion was done by mystery (10.1/x).' in text
