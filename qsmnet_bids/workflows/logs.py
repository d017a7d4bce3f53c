"""Send nipype's log to a file; the terminal belongs to the command line."""

import logging
from pathlib import Path


class _LogFile(logging.FileHandler):
    """A log that a full disk cuts short, and nothing else: results that find no room are told."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        """Leave the record out instead of writing a traceback to the terminal."""


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
    handler = _LogFile(log_file, delay=True)
    handler.setFormatter(logging.Formatter('%(asctime)s %(process)d %(levelname)s %(message)s'))
    logger.addHandler(handler)
    logger.propagate = False
