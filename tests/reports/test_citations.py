import re
import xml.etree.ElementTree as ET

import pytest

from qsmnet_bids.reports.citations import citation_files
from qsmnet_bids.reports.methods import methods_paragraph, references
from qsmnet_bids.reports.records import parse_record


@pytest.fixture
def files(sidecar):
    record = parse_record(sidecar)
    other = parse_record(sidecar | {'MagneticFieldStrength': 7.0})
    return citation_files([record, record, other])


def test_each_text_stands_there_once(files, sidecar):
    assert files['CITATION.md'].count('## Methods') == 2
    assert files['CITATION.html'].count('<h2>Methods') == 2
    assert files['CITATION.tex'].count('section{Methods}') == 2
    for name in ('md', 'html', 'tex'):
        assert '7 T 4-echo' in files[f'CITATION.{name}']
    assert files['CITATION.bib'].count('@') == len(references(sidecar))


def test_latex_cites_the_keys_of_the_bibtex_in_the_places_of_the_numbers(files, sidecar):
    text = files['CITATION.tex']
    cited = re.findall(r'~\\cite\{(\w+)\}', text)
    known = re.findall(r'@\w+\{(\w+),', files['CITATION.bib'])
    numbers = re.findall(r' \[(\d+)\]', methods_paragraph(sidecar))
    assert set(cited) == set(known)
    assert cited[: len(numbers)] == [known[int(number) - 1] for number in numbers]
    # every special character is escaped, but for those of the commands themselves
    assert not re.search(r'(?<!\\)[&#_]|(?<!\\)%(?! Please)', re.sub(r'\\cite\{\w+\}', '', text))


def test_html_is_well_formed_and_escapes_what_scanners_say(sidecar):
    record = parse_record(sidecar | {'Manufacturer': '<script>alert(1)</script> & Co'})
    page = citation_files([record])['CITATION.html']
    assert '<script>' not in page
    body = page.split('</title>')[1].removesuffix('</html>\n')
    assert ET.fromstring(f'<body>{body}</body>').find('ol') is not None  # noqa: S314 # our own
