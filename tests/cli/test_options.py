"""docs/usage.md says what the parsers say."""

import importlib
import inspect
import re
from pathlib import Path

from qsmnet_bids.cli.options import DEFAULTS, METHODS, build_parser
from qsmnet_bids.cli.parameters import hyper_parameters
from qsmnet_bids.cli.parser import EXTRAS
from qsmnet_bids.cli.stage import FILES, STEPS

USAGE = (Path(__file__).parents[2] / 'docs' / 'usage.md').read_text()


def rows(section):
    """Cells of the tables below a heading."""
    text = USAGE.split(f'\n## {section}\n')[1].split('\n## ')[0]
    lines = re.findall(r'^\| (`.*) \|$', text, re.MULTILINE)
    return [re.split(r' +\| *', line) for line in lines]


def test_options_are_those_of_the_parser():
    shown = {word for first, *_ in rows('Options') for word in re.findall(r'`(-[^`]+)`', first)}
    known = set(build_parser()._option_string_actions)
    assert shown == {word for word in known if not word.startswith('--no-')}


def test_methods_and_their_defaults_are_those_of_the_parser():
    table = {cells[0].strip('`'): cells for cells in rows('Options')}
    for stage, (methods, _) in METHODS.items():
        _, default, meaning = table[f'--{stage}']
        assert default == f'`{DEFAULTS[stage]}`'
        assert re.findall(r'`([^`]+)`', meaning) == list(methods)


def test_parameters_and_their_defaults_are_those_of_the_methods():
    shown = {
        name: default
        for first, default, _ in rows('Parameters of the methods')
        for name in re.findall(r'`([^`]+)`', first)
    }
    known = {}
    for stage in {*METHODS, *EXTRAS, 'orientations'} - {'reference'}:
        for method, function in importlib.import_module(f'qsmnet_bids.{stage}').METHODS.items():
            arguments = inspect.signature(function).parameters
            known |= {
                f'{method}.{name}': str(arguments[name].default).lower()
                for name in hyper_parameters(function).keys() - METHODS.keys()
            }
    assert shown == known


def test_stages_are_those_of_the_command():
    shown = {}
    for stage, reads, writes in rows('One stage on plain files'):
        shown[stage.strip('`')] = tuple(
            ', '.join(re.findall(r'`([^`]+)`', cell)) for cell in (reads, writes)
        )
    assert shown == FILES
    assert shown.keys() == STEPS.keys()
