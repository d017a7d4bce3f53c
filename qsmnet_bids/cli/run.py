"""``qsmnet-bids``: what happens in which order, how it ends, and the one place that knows why."""

import gc
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from qsmnet_bids.cli.parser import parse_arguments
from qsmnet_bids.errors import QsmError, SettingsError, storage_error
from qsmnet_bids.settings import Settings
from qsmnet_bids.workflows.server import start_server

DONE, FAILED, WRONG_ARGUMENTS = 0, 1, 2
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class TerminationError(KeyboardInterrupt):
    """The system asks this process to end; all that catches Ctrl-C catches it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app.

    Parameters
    ----------
    argv
        Words after the program's name; None for those of this process.

    Returns
    -------
        Exit code: 0 if all is done, 1 if some run failed, 2 for wrong arguments, 130 and 143 if
        Ctrl-C or SIGTERM ended it.
    """
    try:
        settings = parse_arguments(argv)
        if _needs_workers(settings):
            # loads torch while this process reads the dataset
            start_server()
        with _termination_raised():
            gc.disable()  # there is no garbage among modules, and looking takes time
            from qsmnet_bids.cli.levels import run_levels  # noqa: PLC0415 -- seconds, only now

            gc.enable()

            logging.basicConfig(level=LEVELS[min(settings.verbosity, 2)], format='%(message)s')
            return DONE if run_levels(settings, sys.stdout) else FAILED
    except SettingsError as error:
        sys.stderr.write(f'qsmnet-bids: {error}\nqsmnet-bids --help shows all arguments.\n')
        return WRONG_ARGUMENTS
    except QsmError as error:
        sys.stdout.write(f'qsmnet-bids: {error}\n')
        return FAILED
    except OSError as error:
        sys.stdout.write(f'qsmnet-bids: {storage_error(error)}\n')
        return FAILED
    except TerminationError:
        sys.stdout.write('qsmnet-bids: ended by SIGTERM; the same command resumes it\n')
        return TERMINATED
    except KeyboardInterrupt:
        sys.stdout.write('qsmnet-bids: ended by Ctrl-C; the same command resumes it\n')
        return INTERRUPTED


def _needs_workers(settings: Settings) -> bool:
    others = settings.dry_run or settings.reports_only or settings.nipype_plugin_file is not None
    return 'participant' in settings.analysis_levels and not others


@contextmanager
def _termination_raised() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that workers end and files are whole."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TerminationError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
