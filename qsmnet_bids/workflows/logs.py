"""Send nipype's log to a file; the terminal belongs to the command line."""

import logging
from pathlib import Path


def route_nipype_logs(log_file: Path) -> None:
    """Let all of nipype's loggers write to a file and nowhere else.

    Parameters
    ----------
    log_file
        Appended to; may be shared by several processes.
    """
    logger = logging.getLogger('nipype')
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    log_file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file, delay=True)
    handler.setFormatter(logging.Formatter('%(asctime)s %(process)d %(levelname)s %(message)s'))
    logger.addHandler(handler)
    logger.propagate = False
