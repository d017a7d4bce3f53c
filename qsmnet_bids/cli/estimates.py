"""How much memory the steps will need, and whether that is there, before any of them begins."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nipype.pipeline.engine import Node

from qsmnet_bids.bidsio.acquisition import Acquisition
from qsmnet_bids.cli.progress import STEPS
from qsmnet_bids.settings import Settings
from qsmnet_bids.workflows.memory import is_oblique
from qsmnet_bids.workflows.resources import (
    available_cpus,
    available_gpus,
    memory_limits_gb,
    threads_per_node,
)
from qsmnet_bids.workflows.subject import init_subject_wf

N_SHOWN = 3
"""Steps that are listed, those that need most."""


@dataclass(frozen=True)
class Limits:
    """What the app may use.

    Parameters
    ----------
    memory_gb
        GiB: the least that the machine, the control group and the scheduler leave.
    source
        What leaves no more.
    n_procs
        Processors of the whole run.
    n_gpus
        GPUs that this process may see.
    """

    memory_gb: float
    source: str
    n_procs: int
    n_gpus: int = 0


@dataclass(frozen=True)
class Need:
    """What a step needs.

    Parameters
    ----------
    step
        As the user knows it.
    gb
        Memory, GiB.
    n_procs
        Processors.
    """

    step: str
    gb: float
    n_procs: int


def limits_of(settings: Settings) -> Limits:
    """Read what the app may use here.

    Parameters
    ----------
    settings
        Of the whole run.
    """
    limits = memory_limits_gb()
    source = min(limits, key=limits.__getitem__)
    n_gpus = 0 if settings.device == 'cpu' else available_gpus()
    return Limits(limits[source], source, n_procs_of(settings), n_gpus)


def n_procs_of(settings: Settings) -> int:
    """Count the threads that may run at once; as many as one step has where memory is short.

    Parameters
    ----------
    settings
        Of the whole run.
    """
    n_procs = settings.n_procs or available_cpus()
    return settings.omp_nthreads or threads_per_node(n_procs) if settings.low_mem else n_procs


def needs_of(acquisition: Acquisition, settings: Settings) -> list[Need]:
    """List what the steps of a run need, the one that needs most memory first.

    Parameters
    ----------
    acquisition
        The run.
    settings
        Of the whole run.
    """
    workflow = init_subject_wf(acquisitions=[acquisition], settings=settings)
    nodes: list[Node] = [workflow.get_node(name) for name in workflow.list_node_names()]
    needs = [Need(STEPS[n.name], n.mem_gb, n.n_procs) for n in nodes if n.name in STEPS]
    return sorted(needs, key=lambda need: -need.gb)


def estimate_lines(
    acquisitions: Sequence[Acquisition], settings: Settings, limits: Limits
) -> Iterator[str]:
    """Tell what the largest run needs, how many fit beside each other, and what does not fit.

    Parameters
    ----------
    acquisitions
        At least one.
    settings
        Of the whole run.
    limits
        Of this machine.
    """
    kinds = {_kind(each): each for each in acquisitions}
    by_kind = {kind: needs_of(each, settings) for kind, each in kinds.items()}
    largest = max(by_kind, key=lambda kind: by_kind[kind][0].gb)
    needs, acquisition = by_kind[largest], kinds[largest]
    listed = ', '.join(f'{need.step} {need.gb:.1f} GB' for need in needs[:N_SHOWN])
    shape = ' x '.join(str(n) for n in acquisition.shape)
    others = f', the largest of {len(kinds)} kinds of runs' if len(kinds) > 1 else ''
    yield f'memory estimate for {acquisition.name} ({shape}{others}): {listed}'
    if settings.nipype_plugin_file:  # whose jobs may run elsewhere
        return
    memory_gb, source = limits.memory_gb, limits.source
    if settings.memory_gb is not None:
        memory_gb, source = settings.memory_gb, '--mem'
    yield _beside(needs[0], limits, memory_gb=memory_gb, source=source)
    if memory_gb > limits.memory_gb:
        yield _too_generous(needs[0], limits, memory_gb=memory_gb)
    if needs[0].gb > min(memory_gb, limits.memory_gb):
        yield _too_large(acquisition, settings, limits, needs)


def _kind(acquisition: Acquisition) -> tuple[object, ...]:
    """Give all that the estimates depend upon."""
    return (
        acquisition.shape,
        tuple(round(edge, 2) for edge in acquisition.voxel_size),
        len(acquisition.echo_times),
        len(acquisition.orientations),
        is_oblique(acquisition.b0_dir),
    )


def _beside(need: Need, limits: Limits, *, memory_gb: float, source: str) -> str:
    """Tell how many runs go on at once."""
    by_memory = max(1, int(memory_gb / need.gb))
    by_cpus = max(1, limits.n_procs // need.n_procs)
    cpus = f'{limits.n_procs} CPU{"s" if limits.n_procs > 1 else ""}'
    gpus = f', {limits.n_gpus} GPU{"s" if limits.n_gpus > 1 else ""}' if limits.n_gpus else ''
    n_runs = min(by_memory, by_cpus)
    return (
        f'  {memory_gb:.1f} GB ({source}), {cpus}{gpus}: {n_runs} such '
        f'step{"s" if n_runs > 1 else ""} at a time (memory for {by_memory}, CPUs for {by_cpus})'
    )


def _too_generous(need: Need, limits: Limits, *, memory_gb: float) -> str:
    """Warn of memory that was promised and is not there."""
    n_fitting = max(1, int(limits.memory_gb / need.gb)) * need.n_procs
    fewer = f', or give --nprocs {n_fitting}' if n_fitting < limits.n_procs else ''
    return (
        f'  warning: --mem says {memory_gb:.1f} GB, but there are {limits.memory_gb:.1f} GB '
        f'({limits.source}); steps may be killed; leave --mem out{fewer}'
    )


def _too_large(
    acquisition: Acquisition, settings: Settings, limits: Limits, needs: Sequence[Need]
) -> str:
    """Warn of a step that needs more than there is, and tell what would fit."""
    most = min(settings.memory_gb or math.inf, limits.memory_gb)
    wanted = math.ceil(needs[0].gb)
    is_there = needs[0].gb <= limits.memory_gb  # and --mem is what is too small
    remedies = [f'--mem {wanted}G' if is_there else f'a machine or job with {wanted} GB']
    if not settings.low_mem:
        tiled = needs_of(acquisition, replace(settings, low_mem=True))[0]
        if tiled.gb <= most:
            remedies.insert(0, f'--low-mem ({tiled.gb:.1f} GB)')
    return (
        f'  warning: {needs[0].step} needs more than the {most:.1f} GB there are; it will run '
        f'alone, and may be killed; would fit: {" or ".join(remedies)}'
    )
