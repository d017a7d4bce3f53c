"""Run each of nipype's nodes in a process of its own.

nipype's ``MultiProc`` keeps a pool of workers and waits for ever once the system has killed one of
them, for lack of memory as a rule. Here the death of a process is the failure of its own node and
of nothing else: no pool breaks, and the culprit is known. Processes are forked from a server that
has torch and the interfaces loaded, so that one starts in milliseconds and returns all its memory
when its node is done. The server never computes: a fork after torch has computed would hang.
"""

import logging
import multiprocessing
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from traceback import format_exception

import numpy as np
from networkx import DiGraph
from nipype.pipeline.engine import Node
from nipype.pipeline.plugins import base
from nipype.pipeline.plugins.multiproc import MultiProcPlugin
from numpy.typing import NDArray

from qsmnet_bids.errors import QsmError
from qsmnet_bids.workflows.gpus import PATIENCE, choose_gpu
from qsmnet_bids.workflows.server import start_server
from qsmnet_bids.workflows.worker import Place, work

TRACEBACK_HEADER = 'Traceback (most recent call last):\n'

logger = logging.getLogger('nipype.workflow')

# Its loop would sleep until the clock, when somebody sets it back, is where it was.
base.time = time.monotonic


@dataclass
class Task:
    """A node that has been handed out.

    Parameters
    ----------
    node
        What is run.
    updatehash
        As nipype's nodes have it.
    n_tries
        How often a process was started for it.
    process, pipe
        The process and the end from which its answer is read; None while a second try waits.
    gpu
        The one that the process sees; None for all that there are, or none.
    """

    node: Node
    updatehash: bool
    n_tries: int = 0
    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    gpu: str | None = None


class SafeMultiProcPlugin(MultiProcPlugin):  # type: ignore[misc] # nipype has no types
    """Nipype's scheduler over one process per node.

    A node whose process is killed while others run is tried once more, alone: memory that several
    nodes overran together may do for one.

    Nodes that compute on a GPU each get one of ``gpus``, the one with the fewest nodes, and see no
    other. While all are taken, they queue: such a node holds neither processor nor memory.

    Parameters
    ----------
    plugin_args
        As for ``MultiProc``: ``n_procs``, ``memory_gb``, ``n_gpu_procs``, ``status_callback``;
        ``log_file``, to which the workers' log goes; ``gpus``, names as ``CUDA_VISIBLE_DEVICES``
        has them; ``jobs_per_gpu``, 1 unless given; and ``gpu_patience``, s, see ``gpus.py``.
    """

    def __init__(self, plugin_args: dict[str, object] | None = None) -> None:
        super().__init__(plugin_args={'raise_insufficient': False, **(plugin_args or {})})
        self.pool.shutdown(wait=False)  # the base class's own; it has no process yet
        self._context = multiprocessing.get_context('forkserver')
        self._log_file: Path | None = self.plugin_args.get('log_file')
        self._gpus: tuple[str, ...] = tuple(str(gpu) for gpu in self.plugin_args.get('gpus', ()))
        if self._gpus:
            self.n_gpu_procs = len(self._gpus) * int(self.plugin_args.get('jobs_per_gpu', 1))
        start_server()

    def run(
        self, graph: DiGraph, config: dict[str, dict[str, str]], *, updatehash: bool = False
    ) -> None:
        """Run the graph; leave no process behind, however it ends.

        Parameters
        ----------
        graph
            Of nodes.
        config
            Of nipype.
        updatehash
            Whether nodes are marked as up to date and not run.
        """
        try:
            super().run(graph, config, updatehash=updatehash)
        finally:
            for task in self._task_obj.values():
                _end(task)
            self._task_obj.clear()

    def _submit_job(self, node: Node, *, updatehash: bool = False) -> int:
        self._taskid: int = self._taskid + 1
        task = Task(node, updatehash)
        self._task_obj[self._taskid] = task
        self._start(task)
        return self._taskid

    def _start(self, task: Task) -> None:
        task.pipe, answer = self._context.Pipe(duplex=False)
        if self._gpus and task.node.is_gpu_node():
            busy = [other.gpu for other in self._task_obj.values() if other.process]
            task.gpu = choose_gpu(self._gpus, busy=busy)
        patience = float(self.plugin_args.get('gpu_patience', PATIENCE))
        arguments = (answer, task.node, task.updatehash, Place(self._log_file, task.gpu, patience))
        task.process = self._context.Process(target=work, args=arguments, daemon=True)
        task.process.start()
        answer.close()  # so that the pipe ends when the worker does
        task.n_tries += 1

    def _get_result(self, taskid: int) -> dict[str, object] | None:
        task = self._task_obj[taskid]
        if task.process is None or task.pipe is None:
            if not any(other.process for other in self._task_obj.values()):
                self._start(task)
            return None
        if not task.pipe.poll() and task.process.is_alive():
            return None
        try:
            traceback = task.pipe.recv()
        except EOFError:
            return self._bury(task)
        return {'result': None, 'traceback': traceback}

    def _bury(self, task: Task) -> dict[str, object] | None:
        exit_code = _end(task, seconds=5.0)
        if task.n_tries == 1 and len(self._task_obj) > 1:
            logger.warning('%s was killed; it will be tried once more, alone', task.node.fullname)
            return None
        error = QsmError(cause_of_death(task.node.name, exit_code))
        return {'result': None, 'traceback': [TRACEBACK_HEADER, *format_exception(error)]}

    def _clear_task(self, taskid: int) -> None:
        _end(self._task_obj.pop(taskid), seconds=10.0)

    def _send_procs_to_workers(
        self, *, updatehash: bool = False, graph: DiGraph | None = None
    ) -> None:
        if all(task.n_tries == 1 and task.process for task in self._task_obj.values()):
            super()._send_procs_to_workers(updatehash=updatehash, graph=graph)

    def _sort_jobs(
        self, jobids: NDArray[np.int64], scheduler: str | None = 'tsort'
    ) -> list[np.int64]:
        """Let nodes for a GPU go first: a GPU that waits for a processor is the dearer one."""
        jobs = super()._sort_jobs(jobids, scheduler=scheduler)
        return sorted(jobs, key=lambda job: not self.procs[job].is_gpu_node())

    def _postrun_check(self) -> None:
        """Do nothing: there is no pool to close."""


def cause_of_death(name: str, exit_code: int | None) -> str:
    """Say in one sentence why a process ended without an answer.

    Parameters
    ----------
    name
        Of the node.
    exit_code
        Minus the signal, or what the process exited with.

    >>> cause_of_death('fit_field', 3)
    'fit_field ended before its time, with exit code 3'
    """
    if exit_code == -signal.SIGKILL:
        return (
            f'{name} was killed, most likely for lack of memory; run with --low-mem, with fewer '
            '--nprocs, or give --mem the memory that is truly there'
        )
    if exit_code is not None and exit_code < 0:
        return f'{name} was ended by the signal {signal.Signals(-exit_code).name}'
    return f'{name} ended before its time, with exit code {exit_code}'


def _end(task: Task, *, seconds: float = 0.0) -> int | None:
    """End the task's process, after some seconds of grace, and tell its exit code."""
    if task.process is None or task.pipe is None or task.process.pid is None:
        return None  # not handed out, or interrupted while it started
    task.process.join(seconds)
    if task.process.is_alive():
        task.process.terminate()
        task.process.join(2)
    if task.process.is_alive():
        task.process.kill()
        task.process.join()
    exit_code = task.process.exitcode
    task.process.close()
    task.pipe.close()
    task.process = task.pipe = None
    return exit_code
