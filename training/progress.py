"""One live line while a run goes on; plain lines where no terminal is."""

import time
from collections.abc import Mapping
from typing import TextIO

PLAIN_SECONDS = 30.0
"""Between two lines that are not live."""


class Progress:
    """Say where a run stands.

    Parameters
    ----------
    stream
        To write to.
    n_steps
        Of the whole run.
    """

    def __init__(self, stream: TextIO, n_steps: int) -> None:
        self.stream, self.n_steps = stream, n_steps
        self.is_live = stream.isatty()
        self.last_written = -PLAIN_SECONDS
        self.width = 0

    def update(self, step: int, *, loss: float, samples_per_second: float, left: float) -> None:
        """Show the newest step.

        Parameters
        ----------
        step
            Steps done.
        loss
            Of the last.
        samples_per_second
            Lately.
        left
            Time to the end, s.
        """
        now = time.monotonic()
        if not self.is_live and now - self.last_written < PLAIN_SECONDS:
            return
        self.last_written = now
        line = (
            f'step {step}/{self.n_steps}  loss {loss:.3g}  '
            f'{samples_per_second:.3g} samples/s  {duration(left)} left'
        )
        if self.is_live:
            self.stream.write('\r' + line.ljust(self.width))
            self.width = len(line)
        else:
            self.stream.write(line + '\n')
        self.stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays.

        Parameters
        ----------
        text
            One sentence.
        """
        start = '\r' if self.width else ''
        self.stream.write(start + text.ljust(self.width) + '\n')
        self.width = 0
        self.stream.flush()

    def validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Write what a validation found.

        Parameters
        ----------
        step
            Steps done.
        figures
            Of the validation.
        """
        self.say(
            f'step {step}: validation RMSE {figures["rmse"]:.4f} ppm, '
            f'MAE {figures["mae"]:.4f} ppm, slope {figures["slope"]:.3f}, '
            f'intercept {figures["intercept"]:+.4f} ppm, '
            f'SSIM {figures["ssim"]:.3f}'
        )


def duration(seconds: float) -> str:
    """Write a time with its two largest units.

    Parameters
    ----------
    seconds
        At least 0.

    >>> duration(75), duration(3 * 3600 + 120), duration(50 * 3600)
    ('1 min 15 s', '3 h 2 min', '2 d 2 h')
    """
    whole = round(seconds)
    for size, unit, next_size, next_unit in (
        (86400, 'd', 3600, 'h'),
        (3600, 'h', 60, 'min'),
        (60, 'min', 1, 's'),
    ):
        if whole >= size:
            return f'{whole // size} {unit} {whole % size // next_size} {next_unit}'
    return f'{whole} s'
