"""What is told of each subject, from what its task, its log and the scheduler left."""

import pytest

from qsmnet_bids.cli.cluster_status import SubjectState, find_states, status_lines
from qsmnet_bids.cli.slurm import main
from tests.cli.clusters import note


def state_of(folder, *, queue=frozenset()):
    return find_states(folder, queue=queue)[0]


@pytest.mark.parametrize(
    ('code', 'log', 'scheduler_log', 'state', 'said'),
    [(1, 'FAILED sub-01: fieldmap: too dark\n0/1 runs done\n', '', 'failed', 'too dark'),
     (1, 'FAILED sub-01: mask: CUDA out of memory\n', '', 'failed', 'CUDA'),
     (1, 'x was killed, most likely for lack of memory\n', '', 'killed for memory', '4000 MB'),
     (137, '', '', 'killed for memory', '4000 MB'),
     (None, '', 'slurmstepd: error: Detected 1 oom_kill event', 'killed for memory', '4000 MB'),
     (None, '', 'slurmstepd: error: Exceeded job memory limit', 'killed for memory', '4000 MB'),
     (None, '', 'TERM_MEMLIMIT: job killed', 'killed for memory', '4000 MB'),
     (None, '', '=>> PBS: job killed: mem 5kb exceeded limit 4kb', 'killed for memory', ''),
     (143, '', 'CANCELLED AT 2030-01-01 DUE TO TIME LIMIT', 'out of time', '--time'),
     (None, '', '=>> PBS: job killed: walltime 64 exceeded limit 60', 'out of time', '--time'),
     (None, '', '', 'killed', 'without a word'),
     (0, '', '', 'waiting', 'its map is gone'),
     (2, '', '', 'failed', 'it said nothing')],
)  # fmt: skip
def test_status_tells_why(folder, code, log, scheduler_log, state, said):
    note(folder, 'sub-01', code=code, log=log, scheduler_log=scheduler_log)
    found = state_of(folder)
    assert found.state == state
    assert said in found.cause


def test_status_without_a_scheduler_does_not_claim_to_know(folder):
    note(folder, 'sub-01')
    found = state_of(folder, queue=None)
    assert found.state == 'running'
    assert 'no scheduler answers' in found.cause
    assert state_of(folder, queue={('7', '1')}).cause == 'job 7, task 1'
    assert state_of(folder, queue={('7', '*')}).state == 'running'
    assert state_of(folder, queue={('7', '2')}).state == 'killed'


def test_summary_counts_subjects_and_names_the_group():
    states = [SubjectState('sub-1', 'done'), SubjectState('sub-22', 'failed', 'why')]
    lines = list(status_lines([*states, SubjectState('group', 'waiting')]))
    assert lines == [
        'sub-1   done',
        'sub-22  failed: why',
        'group   waiting',
        'qsmnet-bids-slurm: 1 done, 1 failed; group waiting',
    ]


def test_status_command_ends_by_what_it_finds(folder, capsys):
    assert main(['status', str(folder)]) == 1
    assert capsys.readouterr().out.endswith('2 waiting; group waiting\n')


@pytest.mark.parametrize('extra', [[], ['nowhere']])
def test_wrong_status_is_one_clear_line(extra, capsys, tmp_path):
    assert main(['status', *extra]) == 2
    assert main(['status', str(tmp_path)]) == 2
    assert capsys.readouterr().err.count('\n') == 2
