"""What a worker does. Imports little: each worker would wait for it."""

import logging
import os
import resource
import signal
import threading
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import format_exception

from nipype.pipeline.engine import Node

from qsmnet_bids.workflows.logs import route_nipype_logs

logger = logging.getLogger('nipype.workflow')


def work(
    answer: Connection,
    node: Node,
    updatehash: bool,  # noqa: FBT001 # positional, as it travels to the worker
    log_file: Path | None,
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
    log_file
        Of nipype; None for nipype's own ways.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and ends its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if log_file is not None:
        route_nipype_logs(log_file)
    traceback = None
    try:
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


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
