"""A killed worker costs its own node; nothing hangs and nothing is left behind."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin, cause_of_death

pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')


# Sources of nodes: a worker cannot import this file.
WORK = """
def work(seconds, after=None):
    import time
    time.sleep(seconds)
    return seconds
"""
DIE = """
def die(after=None):
    import os
    os.kill(os.getpid(), 9)
"""
DIE_ONCE = """
def die_once(mark):
    import os
    if not os.path.exists(mark):
        open(mark, 'w').close()
        os.kill(os.getpid(), 9)
    return 1
"""
FAIL = """
def fail():
    raise ValueError('the sky fell')
"""


def node(name, source, **inputs):
    made = Node(Function(function=source, output_names=['out']), name=name)
    for key, value in inputs.items():
        setattr(made.inputs, key, value)
    return made


@pytest.fixture
def workflow(tmp_path):
    configure(log_dir=tmp_path / 'logs')
    return Workflow('wf', base_dir=str(tmp_path / 'work'))


@pytest.fixture
def uncounted():
    """Collect garbage without hypothesis's clock: an interrupt within it would be lost."""
    before = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(before)


def plugin(**arguments):
    return SafeMultiProcPlugin({'n_procs': 3, 'memory_gb': 4, **arguments})


def finished(workflow):
    folder = Path(workflow.base_dir) / workflow.name
    return {path.parent.name for path in folder.glob('*/_0x*.json') if 'unfin' not in path.name}


@pytest.mark.parametrize('_again', range(5))
def test_killed_worker_fails_its_own_node_only(workflow, _again):
    others = [node(f'other{n}', WORK, seconds=0.3 + 0.1 * n) for n in range(4)]
    culprit, heir = node('culprit', DIE), node('heir', WORK, seconds=0.0)
    workflow.add_nodes([*others, culprit])
    workflow.connect(culprit, 'out', heir, 'after')

    (failure,) = execute(workflow, plugin=plugin())

    assert failure.step == 'culprit'
    assert failure.cause == cause_of_death('culprit', -signal.SIGKILL)
    assert 'memory' in failure.cause
    assert Path(failure.crash_file).is_file()
    assert finished(workflow) == {f'other{n}' for n in range(4)}


def test_node_killed_in_company_is_tried_again_alone(workflow, tmp_path):
    calls = []
    workflow.add_nodes(
        [
            node('culprit', DIE_ONCE, mark=str(tmp_path / 'died')),
            *(node(f'other{n}', WORK, seconds=0.5) for n in range(4)),
        ]
    )

    failures = execute(
        workflow, plugin=plugin(status_callback=lambda made, what: calls.append((made.name, what)))
    )

    assert failures == []
    assert len(finished(workflow)) == 5
    assert sorted(name for name, what in calls if what == 'end') == sorted(finished(workflow))


def test_alone_killed_node_is_not_tried_again(workflow, tmp_path):
    workflow.add_nodes([node('culprit', DIE_ONCE, mark=str(tmp_path / 'died'))])
    assert [failure.step for failure in execute(workflow, plugin=plugin())] == ['culprit']


def test_exception_fails_the_dependents_only(workflow):
    first, heir, other = (
        node('first', FAIL),
        node('heir', WORK, seconds=0.0),
        node('other', WORK, seconds=0.1),
    )
    workflow.connect(first, 'out', heir, 'after')
    workflow.add_nodes([other])

    (failure,) = execute(workflow, plugin=plugin())

    assert (failure.run, failure.step, failure.cause) == (
        'wf',
        'first',
        'ValueError: the sky fell',
    )
    assert finished(workflow) == {'other'}


def test_stop_on_first_crash_ends_all(tmp_path):
    configure(log_dir=tmp_path / 'logs', stop_on_first_crash=True)
    workflow = Workflow('wf', base_dir=str(tmp_path / 'work'))
    first, other, heir = (
        node('first', FAIL),
        node('other', WORK, seconds=30.0),
        node('heir', WORK, seconds=0.0),
    )
    workflow.connect(other, 'out', heir, 'after')
    workflow.add_nodes([first])

    assert [failure.step for failure in execute(workflow, plugin=plugin())] == ['first']
    assert finished(workflow) == set()
    assert no_child_left()


@pytest.fixture
def interrupting():
    """Raise KeyboardInterrupt on SIGTERM, as the command line does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures('interrupting', 'uncounted')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_workers(workflow, number):
    workflow.add_nodes([node(f'other{n}', WORK, seconds=60.0) for n in range(2)])

    def interrupt():
        while len(list(Path(workflow.base_dir).glob('wf/*/_0x*.json'))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        execute(workflow, plugin=plugin())
    assert no_child_left()


@pytest.mark.slow
def test_worker_does_not_outlive_its_parent(tmp_path):
    mark = tmp_path / 'pid'
    source = f"""
def work():
    import os, pathlib, time
    pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
    time.sleep(300)
"""
    script = f"""
from pathlib import Path
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
folder = Path({str(tmp_path)!r})
log_file = configure(log_dir=folder)
workflow = Workflow('wf', base_dir=str(folder))
workflow.add_nodes([Node(Function(function={source!r}), name='work')])
execute(workflow, plugin=SafeMultiProcPlugin({{'n_procs': 1, 'log_file': log_file}}))
"""
    with subprocess.Popen([sys.executable, '-c', script]) as parent:
        until(lambda: mark.exists() and mark.read_text(), seconds=120)
        parent.kill()
    worker = int(mark.read_text())
    until(lambda: not psutil.pid_exists(worker), seconds=20)


def until(condition, *, seconds):
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_more_nodes_than_memory_all_run(workflow):
    for n in range(3):
        made = node(f'other{n}', WORK, seconds=0.0)
        made._mem_gb = 1000.0
        workflow.add_nodes([made])
    assert execute(workflow, plugin=plugin()) == []
    assert len(finished(workflow)) == 3


@pytest.mark.parametrize(
    ('exit_code', 'expected'), [(-signal.SIGSEGV, 'SIGSEGV'), (3, 'exit code 3'), (None, 'None')]
)
def test_cause_of_death_names_what_is_known(exit_code, expected):
    assert expected in cause_of_death('fit_field', exit_code)
    assert 'memory' not in cause_of_death('fit_field', exit_code)


def no_child_left():
    """Tell whether all workers are gone; they are children of the fork server."""
    servers = [
        child for child in psutil.Process().children() if 'forkserver' in ' '.join(child.cmdline())
    ]
    return not any(server.children() for server in servers)
