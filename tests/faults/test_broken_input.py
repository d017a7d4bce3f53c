"""Broken input: one message with file, field and remedy; subjects beside it do not notice."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
from qsmnet_bids.errors import InputError
from tests.bidsio.conftest import Dataset
from tests.faults.breakages import BREAKAGES, HARMLESS, REFUSED

pytestmark = pytest.mark.filterwarnings('ignore:.*:RuntimeWarning')
ROOT = Path(__file__).parents[2]


def preflight(dataset, **arguments):
    return check(find_runs(dataset.root), bids_dir=dataset.root, **arguments)


@pytest.mark.parametrize('name', BREAKAGES)
def test_breakage_is_told_and_costs_its_own_run_only(undisturbed, dataset, name):
    breakage, fields = BREAKAGES[name]
    breakage(dataset)
    result = preflight(dataset)
    assert result.acquisitions == tuple(undisturbed.acquisitions[1:])
    assert result.problems
    for problem in result.problems:
        assert problem.subject == '01'
        assert {field.strip() for field in problem.field.split(',')} & fields, problem
        assert str(dataset.root) in problem.file
        assert problem.found
        assert problem.remedy
        assert len(str(problem).splitlines()) == 1
        assert len(str(problem)) < 1500
    assert len(result.problems) <= 6


@pytest.mark.parametrize('name', HARMLESS)
def test_harmless_oddity_changes_nothing(undisturbed, dataset, name):
    HARMLESS[name](dataset)
    assert preflight(dataset) == undisturbed


@pytest.mark.parametrize('name', REFUSED)
def test_dataset_that_is_none_is_refused_in_one_sentence(dataset, name):
    REFUSED[name](dataset)
    with pytest.raises(InputError, match=r'dataset_description\.json: .+; .+'):
        preflight(dataset)


def test_subject_with_nothing_is_told_where_it_was_asked_for(dataset):
    (dataset.root / 'sub-04' / 'anat').mkdir(parents=True)
    assert preflight(dataset).problems == ()
    (problem,) = preflight(dataset, participant_labels=['01', '04']).problems
    assert (problem.subject, problem.field) == ('04', 'images')


PERMISSIONS = """
import json, sys
from pathlib import Path
from qsmnet_bids.bidsio.preflight import check
from qsmnet_bids.bidsio.query import find_runs
root = Path(sys.argv[1])
result = check(find_runs(root), bids_dir=root)
print(json.dumps([[a.subject for a in result.acquisitions], [[p.subject, p.field, p.found] for p in
    result.problems]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason='becomes another user, which root alone may')
@pytest.mark.parametrize('name', ['image', 'sidecar'])
def test_file_without_permission(dataset, name):
    # pytest's own folders are closed to others
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(dataset.root, Path(folder) / 'raw')
        check_as_another_user(Dataset(Path(folder) / 'raw'), name)


def check_as_another_user(dataset, name):
    path = getattr(dataset, name)('sub-01', 2, 'phase')
    path.chmod(0)
    done = subprocess.run(
        ['setpriv', '--reuid', '65534', '--clear-groups', sys.executable, '-c', PERMISSIONS,
         dataset.root],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=100,
        env={**os.environ, 'HOME': '/tmp'},  # noqa: S108 -- that it may look into
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    good, problems = json.loads(done.stdout)
    assert good == ['02', '03']
    assert problems == [['01', 'file', 'cannot be read (Permission denied)']]
