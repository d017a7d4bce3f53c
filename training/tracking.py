"""What a run leaves to be looked at: log, TensorBoard, picture, and its line in ``runs.csv``."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from PIL import Image

from training.checkpoint import Run
from training.files import replace, replace_text
from training.validation import Validation

LOG, SUMMARY, PICTURE, TABLE = 'log.jsonl', 'run.json', 'validation.png', 'runs.csv'

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Line = dict[str, float]


class Tracker:
    """Write a run's log, and keep ``run.json`` and the table of all runs up to date.

    Parameters
    ----------
    run
        Taken up where it stands: what the log has beyond its step is dropped.
    run_dir
        Of the run; ``runs.csv`` lies beside it.
    say
        Told once if there is no TensorBoard.
    """

    def __init__(self, run: Run, run_dir: Path, *, say: Callable[[str], None]) -> None:
        self.run, self.run_dir = run, run_dir
        kept = [line for line in read_log(run_dir) if line['step'] <= run.step]
        replace_text(run_dir / LOG, ''.join(json.dumps(line) + '\n' for line in kept))
        self.writer = _tensorboard_writer(run_dir / 'tensorboard', run.step, say)

    def __enter__(self) -> Self:
        """Note that the run goes on."""
        self.summarise('running')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note how the run ended."""
        if self.writer is not None:
            self.writer.close()
        is_done = self.run.step >= self.run.recipe.steps
        self.summarise('failed' if kind else 'done' if is_done else 'stopped')

    def steps(self, lines: list[Line]) -> None:
        """Log steps.

        Parameters
        ----------
        lines
            One per step, each with ``step``.
        """
        with (self.run_dir / LOG).open('a') as log:
            log.writelines(json.dumps(line) + '\n' for line in lines)
        if self.writer is None:
            return
        for line in lines:
            for name in ('loss', 'norm', 'rate'):
                self.writer.add_scalar(f'training/{name}', line[name], int(line['step']))

    def validation(self, found: Validation) -> None:
        """Log a validation.

        Parameters
        ----------
        found
            At the run's step.
        """
        step = self.run.step
        with (self.run_dir / LOG).open('a') as log:
            log.write(json.dumps({'step': step, **found.figures}) + '\n')
        image = Image.fromarray(found.picture)
        replace(self.run_dir / PICTURE, lambda path: image.save(path, format='png'))
        if self.writer is not None:
            for name, value in found.figures.items():
                self.writer.add_scalar(f'validation/{name}', value, step)
            title = 'validation/field, label, output, difference'
            self.writer.add_image(title, found.picture, step, dataformats='HW')
            self.writer.flush()
        self.summarise('running')

    def summarise(self, state: str) -> None:
        """Write ``run.json`` and the table of all runs.

        Parameters
        ----------
        state
            ``running``, ``stopped``, ``done`` or ``failed``.
        """
        run = self.run
        summary = {
            'state': state,
            'step': run.step,
            'samples': run.step * run.recipe.batch_size,
            'minutes': round(run.seconds / 60, 2),
            'validation': run.figures,
            'recipe': dataclasses.asdict(run.recipe),
            'origins': run.origins,
        }
        replace_text(self.run_dir / SUMMARY, json.dumps(summary, indent=2) + '\n')
        write_table(self.run_dir.parent)


def read_log(run_dir: Path) -> list[Line]:
    """Read a run's log.

    Parameters
    ----------
    run_dir
        May hold a log; a last line that was cut off is left out.
    """
    path = run_dir / LOG
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith('\n')]


def read_summaries(runs_dir: Path) -> dict[str, dict[str, Any]]:
    """Read all runs' ``run.json``.

    Parameters
    ----------
    runs_dir
        Holds a folder per run.

    Returns
    -------
        By the names of the folders.
    """
    paths = sorted(runs_dir.glob(f'*/{SUMMARY}'))
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def write_table(runs_dir: Path) -> Path:
    """Write ``runs.csv``: a row per run, with its hyper-parameters and its last validation.

    Parameters
    ----------
    runs_dir
        Holds a folder per run.

    Returns
    -------
        Path of the table.
    """
    rows = [
        {
            'run': name,
            **{key: summary[key] for key in ('state', 'step', 'samples', 'minutes')},
            **{key: f'{value:.5g}' for key, value in summary['validation'].items()},
            **flat(summary['recipe']),
            **summary['origins'][-1],
        }
        for name, summary in read_summaries(runs_dir).items()
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    replace_text(runs_dir / TABLE, text.getvalue())
    return runs_dir / TABLE


def flat(table: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """Write nested tables as one, with dotted names.

    Parameters
    ----------
    table
        Of a recipe.
    prefix
        Before each name.

    >>> flat({'steps': 3, 'network': {'depth': 4}})
    {'steps': 3, 'network.depth': 4}
    """
    result: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            result |= flat(value, f'{prefix}{key}.')
        else:
            result[prefix + key] = value
    return result


def _tensorboard_writer(
    folder: Path, step: int, say: Callable[[str], None]
) -> 'SummaryWriter | None':
    """Open TensorBoard's file; it is an extra, and a run without it loses nothing else."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ModuleNotFoundError:
        say(
            "TensorBoard is not installed (pip install 'qsmnet-bids[train]'): "
            f'the curves are in {LOG} and {TABLE} alone'
        )
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
