"""The lines in front of the user."""

from pathlib import Path

from qsmnet_bids.bidsio.preflight import Preflight
from qsmnet_bids.bidsio.query import Run
from qsmnet_bids.cli.messages import ending_lines, preflight_failures, problem_lines
from qsmnet_bids.errors import Failure, Problem


def run(**entities):
    return Run(entities['sub'], entities.get('ses', ''), entities, 'MEGRE', {}, {})


def problem(file, subject, found='is missing'):
    return Problem(f'/data/{file}', 'EchoTime', found, 'add it', subject)


FIRST = problem('sub-01/anat/sub-01_run-1_echo-1_part-mag_MEGRE.json', '01')
SECOND = problem('sub-01/anat/sub-01_run-2_echo-1_part-mag_MEGRE.json', '01', 'is 4.0')
THIRD = problem('sub-01/anat/sub-01_run-2_echo-2_part-mag_MEGRE.json', '01')
INHERITED = problem('MEGRE.json', '02')
ABSENT = problem('sub-03', '03')


def test_problems_are_grouped_by_subject():
    assert list(problem_lines([FIRST, INHERITED, SECOND])) == [
        'sub-01: 2 problems',
        f'  {FIRST}',
        f'  {SECOND}',
        'sub-02: 1 problem',
        f'  {INHERITED}',
    ]


def test_each_failed_run_has_its_own_cause():
    runs = [run(sub='01', run='1'), run(sub='01', run='2'), run(sub='02')]
    problems = (FIRST, SECOND, THIRD, INHERITED, ABSENT)
    failures = preflight_failures(runs, Preflight((), problems))
    assert [failure.run for failure in failures] == [
        'sub-01_run-1',
        'sub-01_run-2',
        'sub-02',
        'sub-03',
    ]
    causes = [failure.cause for failure in failures]
    assert causes == [str(FIRST), f'{SECOND} (and 1 other problem)', str(INHERITED), str(ABSENT)]


def test_last_line_counts_the_runs_that_are_done():
    failure = Failure('sub-02', 'invert_dipole', 'disk full', str(Path('/out/crash.txt')))
    assert list(ending_lines([failure], n_runs=5)) == [
        'FAILED sub-02: inversion: disk full (/out/crash.txt)',
        'qsmnet-bids: 4/5 runs done',
    ]
    assert list(ending_lines([], n_runs=5)) == ['qsmnet-bids: 5/5 runs done']
