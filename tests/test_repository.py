"""What the repository promises as a whole: one version, exact pins, commands that exist."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import qsmnet_bids

ROOT = Path(__file__).parents[1]
MAX_LINES = 400


def tracked_files():
    listed = subprocess.run(
        ['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip('not a git clone')
    return [ROOT / name for name in listed.stdout.split('\0') if name and (ROOT / name).is_file()]


def texts(*suffixes):
    for path in tracked_files():
        if not suffixes or path.suffix in suffixes:
            try:
                yield path, path.read_text(encoding='utf-8')
            except UnicodeDecodeError:
                continue


@pytest.fixture(scope='module')
def project():
    return tomllib.loads((ROOT / 'pyproject.toml').read_text())


@pytest.fixture(scope='module')
def pins():
    lines = (ROOT / 'constraints.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def test_the_version_is_written_once(project):
    assert 'version' not in project['project']
    assert project['project']['dynamic'] == ['version']
    source = ROOT / project['tool']['hatch']['version']['path']
    (version,) = re.findall(r"^__version__ = '(.+)'$", source.read_text(), re.MULTILINE)
    assert version == qsmnet_bids.__version__
    elsewhere = [
        path
        for path, text in texts('.py', '.toml', '.def', '.cff', '')
        if re.search(rf'version.*["\']{re.escape(version)}["\']', text)
        and not path.is_relative_to(ROOT / 'tests')
    ]
    assert elsewhere in ([source], [])  # the latter before the file is tracked


def test_constraints_are_exact_and_say_nothing_of_a_machine(pins):
    assert 'torch==2.13.0' in pins
    assert [pin for pin in pins if not re.fullmatch(r'[\w.\-]+==[\w.]+', pin)] == []
    names = [canonicalize_name(pin.split('==')[0]) for pin in pins]
    assert len(set(names)) == len(names)


def test_every_requirement_is_pinned_to_a_version_that_it_allows(project, pins):
    versions = {canonicalize_name(name): v for name, v in (pin.split('==') for pin in pins)}
    extras = project['project']['optional-dependencies'].values()
    for line in sum(extras, project['project']['dependencies']):
        requirement = Requirement(line)
        if requirement.name != project['project']['name']:
            assert versions[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_console_scripts_lead_to_functions(project):
    scripts = project['project']['scripts']
    assert set(scripts) >= {'qsmnet-bids', 'qsmnet-bids-phantom', 'qsmnet-bids-stage'}
    for target in scripts.values():
        module, function = target.split(':')
        assert callable(getattr(importlib.import_module(module), function))


def test_continuous_integration_does_what_a_user_does():
    script = ROOT / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines() if not line.startswith('#')]
    assert commands == [
        'set -euo pipefail',
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        'make test',
    ]
    circleci = (ROOT / '.circleci' / 'config.yml').read_text()
    assert 'make test' in circleci
    assert 'make lint' in circleci


def test_circleci_configuration_is_valid():
    pytest.importorskip('check_jsonschema', reason='part of the extra dev')
    check = [sys.executable, '-m', 'check_jsonschema', '--builtin-schema', 'vendor.circle-ci']
    subprocess.run([*check, ROOT / '.circleci' / 'config.yml'], check=True)


def test_no_file_names_the_machine_that_it_was_written_on():
    users = re.compile(r'/(?:root|home/(?!user\b|you\b)\w+|Users/\w+)/')
    own = f'{ROOT}/'
    found = [
        path
        for path, text in texts()
        if path != Path(__file__) and (users.search(text) or own in text)
    ]
    assert found == []


def test_source_files_stay_short():
    lengths = {path: text.count('\n') for path, text in texts('.py')}
    tests = ROOT / 'tests'
    long = {path: n for path, n in lengths.items() if n > MAX_LINES}
    assert [path for path in long if not path.is_relative_to(tests)] == []


def test_links_between_the_pages_lead_somewhere():
    broken = []
    for path, text in texts('.md'):
        targets = re.findall(r'\]\((?!https?://|#|mailto:)([^)#\s]+)', text)
        broken += [(path, target) for target in targets if not (path.parent / target).exists()]
    assert broken == []
