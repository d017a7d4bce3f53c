"""Limits are read from control groups, affinity and the scheduler, and the lowest counts."""

import os

import psutil
import pytest

from qsmnet_bids.workflows.memory import (
    VOLUMES,
    memory_gb,
    network_memory_gb,
    whole_memory_gb,
)
from qsmnet_bids.workflows.resources import (
    GIB,
    available_cpus,
    available_gpus,
    available_memory_gb,
    memory_limits_gb,
    threads_per_node,
    visible_gpus,
)

FREE = float('inf')


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 64 CPUs and 256 GiB; its control groups are the files that a test writes."""
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(64)))
    memory = psutil.virtual_memory()._replace(available=256 * GIB)
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: memory)

    def write(process_cgroup='0::/', **files):
        (tmp_path / 'proc').write_text(process_cgroup + '\n')
        for name, content in files.items():
            path = tmp_path / 'cgroup' / name.replace('__', '/').replace('_dot_', '.')
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{content}\n')
        return {'cgroup_root': tmp_path / 'cgroup', 'process_cgroup': tmp_path / 'proc'}

    return write


def test_without_limits_the_machine_counts(machine):
    where = machine()
    assert available_cpus(**where, environment={}) == 64
    assert available_memory_gb(**where, environment={}) == 256


def test_version_2_limits(machine):
    where = machine(cpu_dot_max='250000 100000', memory_dot_max=6 * GIB)
    assert available_cpus(**where, environment={}) == 2
    assert available_memory_gb(**where, environment={}) == 6


def test_version_2_without_limit_says_max(machine):
    where = machine(cpu_dot_max='max 100000', memory_dot_max='max')
    assert available_cpus(**where, environment={}) == 64
    assert available_memory_gb(**where, environment={}) == 256


def test_limit_of_a_group_further_up_counts(machine):
    where = machine(
        '0::/user.slice/job/step',
        **{
            'user.slice__memory_dot_max': 8 * GIB,
            'user.slice__job__memory_dot_max': 4 * GIB,
            'user.slice__job__step__memory_dot_max': 'max',
            'user.slice__cpu_dot_max': '300000 100000',
        },
    )
    assert available_memory_gb(**where, environment={}) == 4
    assert available_cpus(**where, environment={}) == 3


def test_version_1_limits(machine):
    where = machine(
        '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/',
        memory__memory_dot_limit_in_bytes=3 * GIB,
        cpu__cpu_dot_cfs_quota_us=150000,
        cpu__cpu_dot_cfs_period_us=100000,
    )
    assert available_memory_gb(**where, environment={}) == 3
    assert available_cpus(**where, environment={}) == 1


def test_version_1_without_limit(machine):
    where = machine(
        '5:memory:/\n4:cpu,cpuacct:/',
        memory__memory_dot_limit_in_bytes=9223372036854771712,
        cpu__cpu_dot_cfs_quota_us=-1,
        cpu__cpu_dot_cfs_period_us=100000,
    )
    assert available_memory_gb(**where, environment={}) == 256
    assert available_cpus(**where, environment={}) == 64


def test_less_than_one_cpu_is_one(machine):
    assert available_cpus(**machine(cpu_dot_max='50000 100000'), environment={}) == 1


@pytest.mark.parametrize(
    ('environment', 'cpus', 'memory'),
    [
        ({'SLURM_CPUS_PER_TASK': '4', 'SLURM_MEM_PER_NODE': '16384'}, 4, 16),
        ({'SLURM_CPUS_ON_NODE': '8', 'SLURM_MEM_PER_CPU': '2048'}, 8, 16),
        ({'SLURM_CPUS_PER_TASK': '4', 'SLURM_CPUS_ON_NODE': '8'}, 4, 256),
        ({'SLURM_MEM_PER_NODE': '0'}, 64, 256),  # all of the node
    ],
)
def test_scheduler(machine, environment, cpus, memory):
    where = machine()
    assert available_cpus(**where, environment=environment) == cpus
    assert available_memory_gb(**where, environment=environment) == memory


def test_affinity(machine, monkeypatch):
    where = machine()
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {3, 5})
    assert available_cpus(**where, environment={}) == 2


@pytest.mark.parametrize(
    ('visible', 'expected'), [(None, 2), ('', 0), ('-1', 0), ('1', 1), ('0,1,2', 2)]
)
def test_gpus(tmp_path, visible, expected):
    for name in ('nvidia0', 'nvidia1', 'nvidiactl', 'nvidia-uvm', 'null'):
        (tmp_path / name).touch()
    environment = {} if visible is None else {'CUDA_VISIBLE_DEVICES': visible}
    assert available_gpus(devices=tmp_path, environment=environment) == expected


@pytest.mark.parametrize(
    ('visible', 'expected'),
    [
        (None, ('0', '1')),
        ('1', ('1',)),
        ('3, 1', ('3', '1')),
        ('1,-1,0', ('1',)),  # CUDA stops there
        ('GPU-a,GPU-b', ('GPU-a', 'GPU-b')),
        ('MIG-a,MIG-b,MIG-c', ('MIG-a', 'MIG-b', 'MIG-c')),
        ('', ()),
    ],
)
def test_gpus_have_the_names_that_a_child_is_given(tmp_path, visible, expected):
    for name in ('nvidia0', 'nvidia1', 'nvidiactl'):
        (tmp_path / name).touch()
    environment = {} if visible is None else {'CUDA_VISIBLE_DEVICES': visible}
    assert visible_gpus(devices=tmp_path, environment=environment) == expected


def test_the_limit_that_counts_has_a_name(machine):
    where = machine(memory_dot_max=6 * GIB)
    limits = memory_limits_gb(**where, environment={'SLURM_MEM_PER_NODE': '4096'})
    assert limits == {
        'free on this machine': 256.0,
        'control group': 6.0,
        'SLURM_MEM_PER_NODE': 4.0,
        'SLURM_MEM_PER_CPU': FREE,
    }


def test_this_machine_has_something():
    assert available_cpus() >= 1
    assert available_memory_gb() > 0


def test_threads_stay_within_the_run():
    assert [threads_per_node(n) for n in (1, 2, 8, 64)] == [1, 2, 8, 8]


@pytest.mark.parametrize('node', VOLUMES)
def test_memory_grows_with_the_image(node):
    small, large = (memory_gb(node, (n, n, n), n_echoes=4) for n in (64, 128))
    assert 0 < small < large < 8 * small


def test_a_network_needs_memory_for_the_grid_that_it_sees():
    head, z = (197, 233, 189), (0.0, 0.0, 1.0)
    axial = network_memory_gb(head, voxel_size=(1.0, 1.0, 1.0), b0_dir=z, is_tiled=False)
    assert axial > 3.33  # the peak that was measured
    thick = network_memory_gb(head, voxel_size=(1.0, 1.0, 2.0), b0_dir=z, is_tiled=False)
    turned = network_memory_gb(
        head, voxel_size=(1.0, 1.0, 1.0), b0_dir=(0.5, 0.0, 0.75**0.5), is_tiled=False
    )
    tiled = network_memory_gb(head, voxel_size=(1.0, 1.0, 1.0), b0_dir=z, is_tiled=True)
    assert thick > 1.8 * axial
    assert turned > 1.7 * axial
    assert tiled < axial / 3
    # an ellipsoid of half of the box's volume took 1.44 GB
    assert 1.44 < whole_memory_gb((164, 205, 205)) < 3
