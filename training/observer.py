"""What the first process does beside training: tell, log and validate."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from training.batches import Batch
from training.checkpoint import Run
from training.progress import Progress
from training.tracking import Line, Tracker
from training.validation import validate, validation_set


@dataclass
class Observer:
    """Watch a run.

    Parameters
    ----------
    run
        Being trained.
    tracker
        Writes the files.
    progress
        Writes the live line.
    batches
        The fixed set.
    first_step, began
        Where and when this part of the run began.
    """

    run: Run
    tracker: Tracker
    progress: Progress
    batches: list[Batch]
    first_step: int
    began: float

    def report(self, lines: list[Line]) -> None:
        """Tell and log what the last steps gave.

        Parameters
        ----------
        lines
            One per step.
        """
        run, n_here = self.run, self.run.step - self.first_step
        per_step = (time.monotonic() - self.began) / max(1, n_here)
        self.tracker.steps(lines)
        self.progress.update(
            run.step,
            loss=lines[-1]['loss'],
            samples_per_second=run.recipe.batch_size / lines[-1]['seconds'],
            left=per_step * (run.recipe.steps - run.step),
        )

    def validate(self) -> None:
        """Measure the averaged network on the fixed set."""
        found = validate(self.run.average, self.batches)
        self.run.figures = {'step': self.run.step, **found.figures}
        self.tracker.validation(found)
        self.progress.validation(self.run.step, found.figures)


@contextmanager
def observed(run: Run, run_dir: Path, device: torch.device) -> Iterator[Observer]:
    """Open a run's files, and close them with how it ended.

    Parameters
    ----------
    run
        Taken up where it stands.
    run_dir
        Of the run.
    device
        Of the validation.
    """
    progress = Progress(sys.stderr, run.recipe.steps)
    with Tracker(run, run_dir, say=progress.say) as tracker:
        batches = validation_set(run.recipe, device)
        progress.say(f'{run.recipe.name}: from step {run.step} to {run.recipe.steps} in {run_dir}')
        yield Observer(run, tracker, progress, batches, run.step, time.monotonic())
