"""Workers killed at random moments; ``python -m tests.faults.kills`` tries more often."""

import pytest

from tests.faults.kills import attempt

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('ignore::DeprecationWarning')]


@pytest.mark.parametrize('seed', range(2))
def test_graph_ends_whichever_worker_is_killed(tmp_path, seed):
    n_killed, n_failed = attempt(tmp_path, seed=seed)
    assert n_failed <= n_killed
