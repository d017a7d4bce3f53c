"""What this process may use of the machine, which is often less than the machine has.

Containers and schedulers limit by control groups (cgroup v1 and v2), CPU affinity and variables.
"""

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

GIB = 2**30
CGROUP_ROOT = Path('/sys/fs/cgroup')
PROCESS_CGROUP = Path('/proc/self/cgroup')


def available_cpus(
    *,
    cgroup_root: Path = CGROUP_ROOT,
    process_cgroup: Path = PROCESS_CGROUP,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Count the CPUs that this process may keep busy, at least 1.

    Parameters
    ----------
    cgroup_root
        Where control groups are mounted.
    process_cgroup
        The file that names this process' groups.
    environment
        Variables, of which ``SLURM_CPUS_PER_TASK`` and ``SLURM_CPUS_ON_NODE`` are read.
    """
    limits = [float(len(os.sched_getaffinity(0)))]
    for folder in _folders(cgroup_root, process_cgroup, controller='cpu'):
        quota, _, period = _read(folder / 'cpu.max').partition(' ')
        limits.append(_ratio(quota, period))
        limits.append(
            _ratio(_read(folder / 'cpu.cfs_quota_us'), _read(folder / 'cpu.cfs_period_us'))
        )
    slurm = environment.get('SLURM_CPUS_PER_TASK') or environment.get('SLURM_CPUS_ON_NODE', '')
    limits.append(_number(slurm))
    return max(1, int(min(limits)))


def memory_limits_gb(
    *,
    cgroup_root: Path = CGROUP_ROOT,
    process_cgroup: Path = PROCESS_CGROUP,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, float]:
    """Tell what limits the memory that this process may fill.

    Parameters
    ----------
    cgroup_root
        Where control groups are mounted.
    process_cgroup
        The file that names this process' groups.
    environment
        Variables, of which ``SLURM_MEM_PER_NODE`` and ``SLURM_MEM_PER_CPU`` (both MiB) are read.

    Returns
    -------
        GiB, by what the limit is called in front of the user; infinite where there is none.
    """
    groups = [float('inf')]
    for folder in _folders(cgroup_root, process_cgroup, controller='memory'):
        groups.append(_number(_read(folder / 'memory.max')))
        groups.append(_number(_read(folder / 'memory.limit_in_bytes')))
    n_cpus = environment.get('SLURM_CPUS_PER_TASK') or environment.get('SLURM_CPUS_ON_NODE', '1')
    per_cpu = _number(environment.get('SLURM_MEM_PER_CPU', '')) * _number(n_cpus)
    return {
        'free on this machine': psutil.virtual_memory().available / GIB,
        'control group': min(groups) / GIB,
        'SLURM_MEM_PER_NODE': _number(environment.get('SLURM_MEM_PER_NODE', '')) / 2**10,
        'SLURM_MEM_PER_CPU': per_cpu / 2**10,
    }


def available_memory_gb(
    *,
    cgroup_root: Path = CGROUP_ROOT,
    process_cgroup: Path = PROCESS_CGROUP,
    environment: Mapping[str, str] = os.environ,
) -> float:
    """Tell the memory that this process may fill, in GiB: the smallest of the limits.

    Parameters
    ----------
    cgroup_root, process_cgroup, environment
        As ``memory_limits_gb`` has them.
    """
    limits = memory_limits_gb(
        cgroup_root=cgroup_root, process_cgroup=process_cgroup, environment=environment
    )
    return min(limits.values())


def visible_gpus(
    *, devices: Path = Path('/dev'), environment: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """Name the NVIDIA GPUs that this process may see, without loading a driver.

    Parameters
    ----------
    devices
        Where device files are.
    environment
        Variables, of which ``CUDA_VISIBLE_DEVICES`` is read.

    Returns
    -------
        Each as ``CUDA_VISIBLE_DEVICES`` may have it: the names that stand there, else numbers.
    """
    n_devices = len([path for path in devices.glob('nvidia*') if path.name[6:].isdigit()])
    visible = environment.get('CUDA_VISIBLE_DEVICES')
    if visible is None:
        return tuple(str(number) for number in range(n_devices))
    stripped = (name.strip() for name in visible.split(','))
    names = tuple(itertools.takewhile(lambda name: name not in {'', '-1'}, stripped))
    is_cut = any(name.startswith('MIG-') for name in names)  # one device file for several
    return names if is_cut and n_devices else names[:n_devices]


def available_gpus(
    *, devices: Path = Path('/dev'), environment: Mapping[str, str] = os.environ
) -> int:
    """Count the NVIDIA GPUs that this process may see, without loading a driver.

    Parameters
    ----------
    devices, environment
        As ``visible_gpus`` has them.
    """
    return len(visible_gpus(devices=devices, environment=environment))


def threads_per_node(n_procs: int) -> int:
    """Give the number of threads that each node gets, unless the user says otherwise.

    Parameters
    ----------
    n_procs
        CPUs of the whole run.
    """
    return max(1, min(n_procs, 8))  # beyond 8, further subjects gain more than further threads


def _folders(root: Path, process_cgroup: Path, *, controller: str) -> Iterator[Path]:
    """Walk the control groups that hold this process, from its own up to the root."""
    for line in _read(process_cgroup).splitlines():
        _, controllers, path = line.split(':', 2)
        if controllers and controller not in controllers.split(','):
            continue
        base = root / controller if controllers else root
        group = base / path.lstrip('/')
        # In a container the path may be the host's and not exist; the root then has the limit.
        for folder in (group, *group.parents):
            yield folder
            if folder == base:
                break


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ''


def _number(text: str) -> float:
    """Read a positive limit; whatever is no such number ('max', -1, nothing) is no limit."""
    try:
        value = float(text)
    except ValueError:
        return float('inf')
    return value if value > 0 else float('inf')


def _ratio(quota: str, period: str) -> float:
    limit = _number(quota)
    return limit if limit == float('inf') else limit / _number(period)
