"""Steps spread over GPUs, queue on each, and wait for memory there; no GPU is needed to see it."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow

from qsmnet_bids.cli import participant
from qsmnet_bids.interfaces.gpu_memory import GpuMemory
from qsmnet_bids.interfaces.numerics.calling import _name_of
from qsmnet_bids.interfaces.numerics.gpu import memory_of
from qsmnet_bids.workflows import acquisition
from qsmnet_bids.workflows.execution import configure, execute
from qsmnet_bids.workflows.gpus import PAUSE, choose_gpu, wait_for_memory
from qsmnet_bids.workflows.plugin import SafeMultiProcPlugin
from qsmnet_bids.workflows.subject import init_subject_wf
from tests.acquisitions import write_acquisition

running = pytest.mark.filterwarnings('ignore::DeprecationWarning')
NOTE = """
def note(folder, name, awaited=(), use_gpu=False, dies=False):
    import os, pathlib, time
    begin = time.monotonic()
    gpu = os.environ.get('CUDA_VISIBLE_DEVICES', 'all')
    mark = pathlib.Path(folder, name + '.died')
    if dies and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    pathlib.Path(folder, name + '.begun').touch()
    while not all(pathlib.Path(folder, other).exists() for other in awaited):
        assert time.monotonic() < begin + 120, f'{awaited} did not come'
        time.sleep(0.02)
    pathlib.Path(folder, name).write_text(f'{gpu} {begin} {time.monotonic()}')
    return name
"""


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    configure(log_dir=tmp_path / 'logs')
    return Workflow('wf', base_dir=str(tmp_path / 'work'))


def node(workflow, name, **inputs):
    """Make a node that notes the GPUs it sees and when it ran; it may wait for notes of others."""
    made = Node(Function(function=NOTE, output_names=['out']), name=name)
    folder = str(Path(workflow.base_dir).parent)
    made.inputs.trait_set(folder=folder, name=name, **inputs)
    return made


def noted(workflow):
    """Read what the nodes noted: the GPU, begin and end."""
    folder = Path(workflow.base_dir).parent
    notes = [path for path in folder.iterdir() if path.is_file() and not path.suffix]
    words = {path.name: path.read_text().split() for path in notes}
    return {name: (gpu, float(begin), float(end)) for name, (gpu, begin, end) in words.items()}


def run(workflow, *nodes, **arguments):
    workflow.add_nodes(list(nodes))
    log_file = Path(workflow.base_dir).parent / 'logs' / 'nipype.log'
    arguments = {'n_procs': 3, 'memory_gb': 4, 'log_file': log_file, **arguments}
    assert execute(workflow, plugin=SafeMultiProcPlugin(arguments)) == []
    return noted(workflow), log_file.read_text()


def overlaps(first, second):
    return first[1] < second[2] and second[1] < first[2]


@running
def test_steps_spread_over_two_gpus_and_queue_on_each(workflow):
    met = {'gpu0': ['gpu1.begun'], 'gpu1': ['gpu0.begun']}  # at once, or they wait for ever
    names = [f'gpu{n}' for n in range(5)]
    jobs = [node(workflow, each, use_gpu=True, awaited=met.get(each, [])) for each in names]
    found, log = run(workflow, *jobs, gpus=('2', 'GPU-b'))
    assert {gpu for gpu, _, _ in found.values()} == {'2', 'GPU-b'}
    pairs = list(itertools.combinations(found.values(), 2))
    assert not any(overlaps(a, b) for a, b in pairs if a[0] == b[0]), 'one at a time on each'
    assert 'wf.gpu0: on the GPU' in log


@running
def test_the_gpu_that_is_free_first_gets_the_next_step(workflow):
    shorts = [f'short{n}' for n in range(3)]
    jobs = [node(workflow, 'long', use_gpu=True, awaited=shorts)]
    jobs += [node(workflow, each, use_gpu=True) for each in shorts]
    found, _ = run(workflow, *jobs, gpus=('0', '1'))
    assert {found[each][0] for each in shorts} == {'0', '1'} - {found['long'][0]}


@running
def test_what_waits_for_a_gpu_holds_no_processor(workflow):
    """Two processors, one GPU: while two steps queue for it, the steps on the CPU go on."""
    others = [f'cpu{n}' for n in range(3)]
    jobs = [node(workflow, f'gpu{n}', use_gpu=True, awaited=others) for n in range(3)]
    jobs += [node(workflow, each) for each in others]
    found, _ = run(workflow, *jobs, n_procs=2, gpus=('0',))
    assert len(found) == 6
    assert {found[each][0] for each in others} == {'all'}, 'the CPU is not told of a GPU'


@running
def test_several_steps_on_a_gpu_if_so_asked(workflow):
    met = {'gpu0': ['gpu1.begun'], 'gpu1': ['gpu0.begun']}
    jobs = [node(workflow, each, use_gpu=True, awaited=met[each]) for each in met]
    found, _ = run(workflow, *jobs, gpus=('0',), jobs_per_gpu=2)
    assert {gpu for gpu, _, _ in found.values()} == {'0'}


@running
def test_a_killed_step_gives_its_gpu_back(workflow):
    jobs = [node(workflow, 'culprit', use_gpu=True, dies=True)]
    jobs += [node(workflow, f'gpu{n}', use_gpu=True) for n in range(3)]
    found, _ = run(workflow, *jobs, gpus=('0', '1'))
    assert set(found) == {'culprit', 'gpu0', 'gpu1', 'gpu2'}
    assert {gpu for gpu, _, _ in found.values()} <= {'0', '1'}


@running
def test_without_a_list_the_steps_see_what_the_app_sees(workflow):
    found, _ = run(workflow, node(workflow, 'gpu', use_gpu=True), n_gpu_procs=1)
    assert found['gpu'][0] == 'all'


@running
def test_what_was_computed_on_one_gpu_is_not_computed_again_on_another(workflow):
    run(workflow, node(workflow, 'gpu', use_gpu=True), gpus=('0',))
    before = noted(workflow)
    again = Workflow('wf', base_dir=workflow.base_dir)
    after, _ = run(again, node(workflow, 'gpu', use_gpu=True), gpus=('1',))
    assert after == before
    assert after['gpu'][0] == '0'


@pytest.mark.parametrize(
    ('busy', 'expected'),
    [([], 'a'), (['a'], 'b'), (['a', 'b'], 'a'), (['a', 'a', 'b', None, None], 'b')],
)
def test_the_gpu_with_the_fewest_steps_is_chosen(busy, expected):
    assert choose_gpu(('a', 'b'), busy=busy) == expected


def test_the_app_s_steps_on_a_gpu_hold_one_processor(settings, monkeypatch):
    monkeypatch.setattr(acquisition, 'available_gpus', lambda: 2)
    run_of = write_acquisition(settings.bids_dir)
    settings = replace(settings, omp_nthreads=4, device='auto', two_pass=True)
    built = init_subject_wf(acquisitions=[run_of], settings=settings)
    nodes = [built.get_node(name) for name in built.list_node_names()]
    assert {each.name for each in nodes if each.is_gpu_node()} == {
        'remove_background',
        'invert_dipole',
        'first_background',
        'first_inversion',
    }
    assert {each.n_procs for each in nodes if each.is_gpu_node()} == {1}
    assert next(each for each in nodes if each.name == 'mask_run').n_procs == 4


@pytest.mark.parametrize(
    ('device', 'expected'),
    [
        ('auto', {'n_gpu_procs': 2, 'gpus': ('3', '1')}),
        ('cuda', {'n_gpu_procs': 2, 'gpus': ('3', '1')}),
        ('cuda:1', {'n_gpu_procs': 1}),  # its steps queue for it, and see all
        ('cpu', {'n_gpu_procs': 2, 'gpus': ()}),
    ],
)
def test_a_device_that_is_named_is_not_spread(device, expected, monkeypatch):
    monkeypatch.setattr(participant, 'available_gpus', lambda: 2)
    monkeypatch.setattr(participant, 'visible_gpus', lambda: ('3', '1'))
    assert participant._of_gpus(device) == expected


def test_the_memory_of_the_device_that_will_be_used_is_read(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    memory = {0: (2**30, 2**34), 1: (2**32, 2**35)}
    monkeypatch.setattr(torch.cuda, 'mem_get_info', memory.__getitem__)
    found = {device: memory_of(device) for device in ('auto', 'cuda', 'cuda:1', 'cuda:2', 'cpu')}
    assert found['auto']() == found['cuda']() == GpuMemory(1.0, 16.0)
    assert found['cuda:1']() == GpuMemory(4.0, 32.0)
    assert found['cuda:2'] is found['cpu'] is None


@pytest.mark.parametrize(
    ('visible', 'expected'), [(None, 'cuda:0'), ('3', 'cuda:0 of CUDA_VISIBLE_DEVICES=3')]
)
def test_the_record_tells_the_device(visible, expected, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if visible is not None:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    assert _name_of(torch.device('cuda:0')) == expected
    assert _name_of(torch.device('cpu')) == 'cpu'


class Gpu:
    """Free memory over time, as others take and free it; time passes in pauses only."""

    def __init__(self, *free, total=16.0):
        self.free = [*free]
        self.total = total
        self.now = 0.0
        self.said = []

    def look(self):
        free = self.free.pop(0) if len(self.free) > 1 else self.free[0]
        return GpuMemory(free, self.total)

    def pause(self, seconds):
        self.now += seconds

    def wait(self, needed, patience=100.0):
        return wait_for_memory(
            needed,
            look=self.look,
            tell=self.said.append,
            patience=patience,
            pause=self.pause,
            clock=lambda: self.now,
        )


def test_nobody_waits_who_has_enough():
    gpu = Gpu(6.0)
    assert gpu.wait(6.0)
    assert (gpu.now, gpu.said) == (0.0, [])


def test_a_step_waits_until_others_have_freed_memory():
    gpu = Gpu(1.0, 2.0, 7.0)
    assert gpu.wait(6.0)
    assert gpu.now == 2 * PAUSE
    assert gpu.said == [
        'waits for 6.0 GB of GPU memory, of which 1.0 GB are free',
        'goes on after 10 s with 7.0 GB of GPU memory free',
    ]


def test_patience_ends():
    gpu = Gpu(1.0)
    assert not gpu.wait(6.0, patience=12.0)
    assert gpu.now == 12.0
    assert gpu.said[-1] == 'goes on after 12 s with 1.0 GB of GPU memory free'


def test_a_step_that_needs_more_than_the_gpu_has_waits_for_most_of_it():
    gpu = Gpu(3.0, 13.0)
    assert gpu.wait(40.0)
    assert 'waits for 12.8 GB' in gpu.said[0]
