"""What to cite for a dataset, in the formats that papers are written in."""

import html
import re
from collections.abc import Iterable

from qsmnet_bids.reports.methods import methods_paragraph, references
from qsmnet_bids.reports.records import RunRecord

TITLE = 'How to cite'
INVITATION = 'Please copy the text below; it says what was done to your data.'
_NUMBER = re.compile(r' \[(\d+)\]')
_KEY = re.compile(r'@\w+\{([^,\s]+),')
_LATEX = {
    '\\': r'\textbackslash{}',
    **{character: f'\\{character}' for character in '&%$#_{}'},
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '<': '$<$',
    '>': '$>$',
    '\N{MULTIPLICATION SIGN}': r'$\times$',
}


def citation_files(records: Iterable[RunRecord]) -> dict[str, str]:
    """Write what to cite: each distinct paragraph once, with its references.

    Parameters
    ----------
    records
        Runs of the dataset.

    Returns
    -------
        Contents of ``CITATION.md``, ``.html``, ``.bib``, and ``.tex``, which cites its keys.
    """
    paragraphs: dict[str, RunRecord] = {}
    for record in records:
        paragraphs.setdefault(methods_paragraph(record), record)
    return {
        'CITATION.md': _markdown(paragraphs),
        'CITATION.html': _html(paragraphs),
        'CITATION.tex': _latex(paragraphs),
        'CITATION.bib': _bibtex(paragraphs),
    }


def _markdown(paragraphs: dict[str, RunRecord]) -> str:
    parts = [f'# {TITLE}', INVITATION]
    for paragraph, record in paragraphs.items():
        listed = '\n'.join(
            f'{number}. {reference.citation} https://doi.org/{reference.doi}'
            for number, reference in enumerate(references(record), 1)
        )
        parts += ['## Methods', paragraph, '### References', listed]
    return '\n\n'.join(parts) + '\n'


def _html(paragraphs: dict[str, RunRecord]) -> str:
    parts = [
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{TITLE}</title>',
        f'<h1>{TITLE}</h1>\n<p>{INVITATION}</p>',
    ]
    for paragraph, record in paragraphs.items():
        listed = '\n'.join(
            f'<li>{html.escape(reference.citation)} '
            f'<a href="https://doi.org/{html.escape(reference.doi)}">'
            f'{html.escape(reference.doi)}</a></li>'
            for reference in references(record)
        )
        parts += [
            f'<h2>Methods</h2>\n<p>{html.escape(paragraph)}</p>',
            f'<h3>References</h3>\n<ol>\n{listed}\n</ol>',
        ]
    return '\n'.join(parts) + '\n</html>\n'


def _latex(paragraphs: dict[str, RunRecord]) -> str:
    parts = [f'% {INVITATION} The keys are those of CITATION.bib.']
    for paragraph, record in paragraphs.items():
        keys = [_key(reference.bibtex) for reference in references(record)]
        parts += ['\\section{Methods}', _with_keys(_escaped(paragraph), keys)]
    return '\n\n'.join(parts) + '\n'


def _bibtex(paragraphs: dict[str, RunRecord]) -> str:
    entries = {
        reference.doi: reference.bibtex
        for record in paragraphs.values()
        for reference in references(record)
    }
    return '\n\n'.join(entries.values()) + '\n'


def _with_keys(paragraph: str, keys: list[str]) -> str:
    def cite(number: re.Match[str]) -> str:
        place = int(number[1]) - 1
        return f'~\\cite{{{keys[place]}}}' if 0 <= place < len(keys) else number[0]

    return _NUMBER.sub(cite, paragraph)


def _key(entry: str) -> str:
    found = _KEY.match(entry)
    if found is None:
        raise ValueError(f'a BibTeX entry must begin with its type and key, got {entry[:40]!r}')
    return found[1]


def _escaped(text: str) -> str:
    return ''.join(_LATEX.get(character, character) for character in text)
