"""What a worker does. Imports little: each worker would wait for it."""

import logging
import os
import resource
import signal
import threading
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import format_exception

from nipype.pipeline.engine import Node

from qsmnet_bids.interfaces import lazy
from qsmnet_bids.workflows.gpus import PATIENCE, wait_for_memory
from qsmnet_bids.workflows.logs import route_nipype_logs

logger = logging.getLogger('nipype.workflow')


@dataclass(frozen=True)
class Place:
    """Where a worker computes and what it tells of it.

    Parameters
    ----------
    log_file
        Of nipype; None for nipype's own ways.
    gpu
        The only one that the worker sees; None for whatever there is.
    gpu_patience
        s; the longest wait for free memory on a GPU.
    """

    log_file: Path | None = None
    gpu: str | None = None
    gpu_patience: float = PATIENCE


def work(
    answer: Connection,
    node: Node,
    updatehash: bool,  # noqa: FBT001 # positional, as it travels to the worker
    place: Place,
) -> None:
    """Run a node and send its traceback, None if it went well.

    Parameters
    ----------
    answer
        End of the pipe to the parent.
    node
        To run.
    updatehash
        As nipype's nodes have it.
    place
        Where.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and ends its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if place.log_file is not None:
        route_nipype_logs(place.log_file)
    if place.gpu is not None:  # before anything asks the driver, which looks once
        os.environ['CUDA_VISIBLE_DEVICES'] = place.gpu
        logger.info('%s: on the GPU %s', node.fullname, place.gpu)
    traceback = None
    try:
        if node.is_gpu_node():
            _wait_for_gpu(node, place.gpu_patience)
        node.run(updatehash=updatehash)
    except Exception as error:  # noqa: BLE001 # whatever it is, the parent reports it
        traceback = format_exception(error)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    logger.info(
        '%s: %.1f s of CPU time, peak memory %.2f GiB, %.2f estimated',
        node.fullname,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 2**20,
        node.mem_gb,
    )
    answer.send(traceback)


def _wait_for_gpu(node: Node, patience: float) -> None:
    """Wait for free memory on the GPU, if the node will compute on one."""
    memory = lazy.gpu.memory_of(getattr(node.inputs, 'device', 'auto'))
    if memory is None:
        return

    def tell(sentence: str) -> None:
        logger.info('%s: %s', node.fullname, sentence)

    wait_for_memory(node.mem_gb, look=memory, tell=tell, patience=patience)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
