"""What is said while the workflow runs."""

import io
import re
from dataclasses import dataclass

from qsmnet_bids.cli.progress import Progress


@dataclass
class Node:
    fullname: str


MASK = Node('qsmnet_bids.sub-01.sub-01_run-1.mask_run')
FIT = Node('qsmnet_bids.sub-01.sub-01_run-1.fit_field')


def test_log_gets_one_line_per_finished_step():
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(MASK, 'start')
        progress(MASK, 'end')
        progress(FIT, 'start')
        progress(FIT, 'exception')
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r'sub-01_run-1 mask \d+\.\d s', lines[0])
    assert re.fullmatch(r'sub-01_run-1 fieldmap \d+\.\d s, failed', lines[1])
    assert len(lines) == 2
    assert progress.ended == {('sub-01_run-1', 'mask_run')}


def screen(text):
    """Do what a terminal does with the text."""
    lines = ['']
    for part in re.split(r'(\n|\r|\x1b\[\d+A|\x1b\[J)', text):
        if part == '\n':
            lines.append('')
        elif re.fullmatch(r'\x1b\[\d+A', part):
            lines[-1 - int(part[2:-1]) :] = ['']
        elif part not in ('\r', '\x1b[J'):
            lines[-1] += part
    return [line for line in lines if line]


def test_terminal_shows_what_runs_below_what_is_done():
    stream = io.StringIO()
    with Progress(stream, is_live=True) as progress:
        progress(MASK, 'start')
        progress(FIT, 'start')
        progress(MASK, 'end')
        shown = screen(stream.getvalue())
        assert [line.endswith('...') for line in shown] == [False, True]
        assert shown[0].startswith('sub-01_run-1 mask')
        assert shown[1].startswith('sub-01_run-1 fieldmap')
    assert len(screen(stream.getvalue())) == 1


def test_node_that_is_no_stage_shows_only_if_it_fails():
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(Node('all.sub-02.gather'), 'end')
        assert not stream.getvalue()
        progress(Node('all.sub-02.gather'), 'exception')
    assert stream.getvalue().splitlines() == ['sub-02 gather failed']
