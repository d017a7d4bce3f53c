"""Say which run is at which step: live lines on a terminal, plain lines in a log."""

import shutil
import time
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Literal, Protocol, runtime_checkable

REDRAW_SECONDS = 1.0
Status = Literal['start', 'end', 'exception']
UP, CLEAR_BELOW = '\x1b[{}A', '\x1b[J'


STEPS = {
    'mask_run': 'mask',
    'fit_field': 'fieldmap',
    'remove_background': 'background',
    'invert_dipole': 'inversion',
    'first_background': 'background of the first pass',
    'first_inversion': 'inversion of the first pass',
    'combine_passes': 'one map of two passes',
    'estimate_uncertainty': 'uncertainty',
    'first_uncertainty': 'uncertainty of the first pass',
    'weigh_magnitude': 'susceptibility-weighted images',
    'draw_figures': 'figures',
    'measure_regions': 'regions',
    'measure_atlas': 'regions of the atlas',
    'write_derivatives': 'derivatives',
}
"""What the nodes of a run are called in front of the user."""


@runtime_checkable
class Stream(Protocol):
    """Where lines are written."""

    def write(self, text: str, /) -> int:
        """Write text."""

    def flush(self) -> None:
        """Bring it before the user."""

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""


@runtime_checkable
class Named(Protocol):
    """What is known of a node: its place in the graph."""

    @property
    def fullname(self) -> str:
        """Names from the outermost workflow to the node, with dots between."""


class Progress:
    """A callback for nipype that shows what runs and what is done, and remembers the steps' ends.

    Use it as a context: it draws the live lines anew while it is open.

    Parameters
    ----------
    stream
        Where to write; live if it is a terminal.
    is_live
        Whether lines are drawn anew; None to ask the stream.
    """

    def __init__(self, stream: Stream, *, is_live: bool | None = None) -> None:
        self.ended: set[tuple[str, str]] = set()
        self._stream = stream
        self._is_live = stream.isatty() if is_live is None else is_live
        self._running: dict[tuple[str, str], float] = {}
        self._n_live = 0
        self._lock = Lock()
        self._closing = Event()
        self._ticker = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> 'Progress':
        """Begin to draw."""
        if self._is_live:
            self._ticker.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Leave only the lines of what is done."""
        self._closing.set()
        if self._ticker.is_alive():
            self._ticker.join()
        with self._lock:
            self._running.clear()
            self._draw([])

    def __call__(self, node: Named, status: Status) -> None:
        """Take note of a node that starts or ends.

        Parameters
        ----------
        node
            Of the workflow.
        status
            As nipype gives it.
        """
        run, step = self._place(node)
        with self._lock:
            if step not in STEPS and status != 'exception':
                return  # of no interest to the user
            if status == 'start':
                self._running.setdefault((run, step), time.monotonic())
                self._draw([])
                return
            start = self._running.pop((run, step), None)
            seconds = None if start is None else time.monotonic() - start
            if status == 'end':
                self.ended.add((run, step))
            self._draw([_line(run, step, seconds, is_failure=status == 'exception')])

    def _place(self, node: Named) -> tuple[str, str]:
        """Name the run and the step that a node belongs to."""
        *workflows, step = node.fullname.split('.')
        return workflows[-1] if workflows else '', step

    def _tick(self) -> None:
        while not self._closing.wait(REDRAW_SECONDS):
            with self._lock:
                self._draw([])

    def _draw(self, done: list[str]) -> None:
        """Write lines that stay, and below them those that are still to change."""
        if not self._is_live:
            self._stream.write(''.join(f'{line}\n' for line in done))
        else:
            now = time.monotonic()
            width = shutil.get_terminal_size().columns - 1  # a wrapped line would not be erased
            live = [
                f'{_line(*place, now - start)} ...'[:width]
                for place, start in self._running.items()
            ]
            erase = UP.format(self._n_live) + '\r' + CLEAR_BELOW if self._n_live else ''
            self._stream.write(erase + ''.join(f'{line}\n' for line in [*done, *live]))
            self._n_live = len(live)
        self._stream.flush()


def _line(run: str, step: str, seconds: float | None, *, is_failure: bool = False) -> str:
    """Write one line; without a time for what an earlier call had done.

    >>> _line('sub-01', 'fit_field', 12.34)
    'sub-01 fieldmap 12.3 s'
    """
    words = f'{run} {STEPS.get(step, step)}'
    if seconds is None:
        return f'{words} failed' if is_failure else f'{words} kept from before'
    return f'{words} {seconds:.1f} s{", failed" if is_failure else ""}'
